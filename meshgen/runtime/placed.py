"""A node wherever it runs: over the mesh, or in this process when it is placed here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from meshgen.errors import MeshgenError
from meshgen.graph.model import Graph, Method, Node
from meshgen.runtime import tracing
from meshgen.runtime.codec import Contracts
from meshgen.runtime.context import CURRENT, current
from meshgen.runtime.instance import Handle, Instance
from meshgen.runtime.received import plainly
from meshgen.runtime.remote import MESH_ADDRESS, RemoteTransport


class MeshTransport:
    """Inline nodes run in this process, all others over the mesh."""

    def __init__(self, graph: Graph, contracts: Contracts) -> None:
        self._graph = graph
        self._contracts = contracts
        self._remote: RemoteTransport | None = None
        self._inline: dict[str, Instance] = {}

    @property
    def inline(self) -> tuple[Instance, ...]:
        """The inline nodes that have been constructed here."""
        return tuple(self._inline.values())

    async def call(self, node: Node, method: Method, arguments: Mapping[str, Any], *, alone: bool) -> Any:
        """Call a node wherever it runs; `Transport` says more."""
        if not node.inline:
            return await self._mesh().call(node, method, arguments, alone=alone)
        instance = self.instance(node)
        request = current()
        token = CURRENT.set(replace(request, node=node.name)) if request else None
        try:
            with tracing.span(node.name, f"{node.name}.{method.rpc}", "server"):
                # Never alone: other requests run on this loop.
                return await instance.call(method, plainly(arguments))
        finally:
            if token:
                CURRENT.reset(token)

    def instance(self, node: Node) -> Instance:
        """The inline node, constructed once."""
        if node.name not in self._inline:
            self._inline[node.name] = self.construct(node)
        return self._inline[node.name]

    def construct(self, node: Node) -> Instance:
        """The user's object, with handles to the nodes that it may call."""
        targets = (self._graph.node(name) for name in node.may_call)
        return Instance(node, {target.name: Handle(target, self) for target in targets})

    def _mesh(self) -> RemoteTransport:
        if self._remote is None:
            address = os.environ.get(MESH_ADDRESS)
            if not address:
                raise MeshgenError(f"{MESH_ADDRESS} is not set: the address of Envoy's mesh listener is not known")
            self._remote = RemoteTransport(self._graph.name, self._contracts, address)
        return self._remote
