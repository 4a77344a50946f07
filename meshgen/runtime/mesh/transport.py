"""A node wherever it runs: over the mesh, or in this process when it is placed here."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from meshgen.codec.lazy import plainly
from meshgen.codec.rpc import Contracts, RpcCodec
from meshgen.errors import MeshgenError
from meshgen.graph.model import Graph, Method, Node
from meshgen.limits import DEFAULT_TIMEOUT_S
from meshgen.runtime.call import tracing
from meshgen.runtime.call.context import CURRENT, RequestContext, current
from meshgen.runtime.call.deadline import left_after, time_limit
from meshgen.runtime.call.transport import CallInfo
from meshgen.runtime.mesh.boundary import Boundary
from meshgen.runtime.mesh.call_errors import REPLICA_DIED
from meshgen.runtime.mesh.remote import MESH_SOCKET, RemoteTransport
from meshgen.runtime.mesh.wire.pool import folder
from meshgen.runtime.nodes.callee import no_rpc
from meshgen.runtime.nodes.handles import LOOP, Handle
from meshgen.runtime.nodes.instance import Instance
from meshgen.status import Unavailable

_NOT_THERE_YET_S = 0.2
"""Between two calls of a constructor to a node that cannot be reached."""


class MeshTransport:
    """The nodes of this replica run in its process, all others over the mesh."""

    def __init__(self, graph: Graph, contracts: Contracts, host: str | None) -> None:
        """Construct nothing yet.

        Args:
            graph: the graph.
            contracts: of the graph.
            host: whose replica this is; None for the driver's.
        """
        self._graph = graph
        self._contracts = contracts
        self._remote: RemoteTransport | None = None
        self._instances: dict[str, Instance] = {}
        self.is_constructing = False
        here = {host, *(node.name for node in graph.guests(host))}
        self.nodes = tuple(node for node in graph.nodes if node.name in here)
        """The nodes of this replica, in the order in which they were bound, so that a node comes before its callers."""
        self._boundaries = {
            (node.name, method.name): Boundary(graph, node, method, contracts)
            for node in self.nodes
            if node.published
            for method in node.methods
        }

    @property
    def instances(self) -> tuple[Instance, ...]:
        """The nodes that have been constructed here."""
        return tuple(self._instances.values())

    async def construct(self) -> None:
        """Construct the nodes of this replica.

        Raises:
            Exception: whatever a user's constructor raises.
        """
        LOOP.set(asyncio.get_running_loop())  # a constructor may call its handles
        self.is_constructing = True
        for node in self.nodes:
            # In a thread where it may wait for other nodes in sync code, as in process.
            if node.may_call:
                await asyncio.to_thread(self.instance, node)
            await self.instance(node).start()
        self.is_constructing = False

    async def call(self, call: CallInfo, arguments: Mapping[str, Any]) -> Any:
        """Call a node wherever it runs; `Transport` says more."""
        node = call.node
        boundary = self._boundaries.get((node.name, call.method.name))
        if boundary is None and node.published:
            return await self._mesh().call(call, arguments)
        instance = self.instance(node)
        request = current()
        token = CURRENT.set(_seen_from(call, request)) if request else None
        attributes = None if boundary is None else boundary.attributes
        try:
            with tracing.span(node.name, call.name, "server", attributes=attributes):
                # Never alone: other requests run on this loop.
                if boundary is None:
                    return await instance.invoke(call, plainly(arguments))
                return await boundary.call(instance, call, plainly(arguments))
        finally:
            if token:
                CURRENT.reset(token)

    def instance(self, node: Node) -> Instance:
        """A node of this replica, or the input adapter; constructed once."""
        found = self._instances.get(node.name)
        if found is None:
            targets = (self._graph.node(name) for name in node.may_call)
            found = Instance(node, {target.name: Handle(target, _ByHandle(self)) for target in targets})
            self._instances[node.name] = found
        return found

    def codec(self, node: Node, method: Method) -> RpcCodec:
        """The codec of a method of a published node of this replica."""
        return self._boundaries[node.name, method.name].codec

    def check_arguments(self, node: Node, method: Method, arguments: Mapping[str, Any]) -> None:
        """Raise EncodeError for what a call over the mesh could not carry; calls that go over it are checked there."""
        if (boundary := self._boundaries.get((node.name, method.name))) is not None:
            boundary.check_arguments(arguments)

    def _mesh(self) -> RemoteTransport:
        if self._remote is None:
            envoy = os.environ.get(MESH_SOCKET)
            if not envoy:
                raise MeshgenError(f"{MESH_SOCKET} is not set: the path of Envoy's mesh listener is not known")
            self._remote = RemoteTransport(self._graph.name, self._contracts, Path(envoy), folder())
        return self._remote


def _seen_from(call: CallInfo, request: RequestContext) -> RequestContext:
    """The request as a replica of the node's own would know it: with a deadline that its caller's limit shortens."""
    node = call.node
    if not node.published:
        return replace(request, node=node.name)
    limit = time_limit(call)
    deadline = None if limit is None else time.monotonic() + left_after(limit)
    return replace(request, node=node.name, deadline=deadline)


class _ByHandle:
    """Calls by handles: their arguments come from user code, and nothing has checked them."""

    def __init__(self, inner: MeshTransport) -> None:
        self._inner = inner

    async def call(self, call: CallInfo, arguments: Mapping[str, Any]) -> Any:
        if call.node.published and call.node.method(call.method.name) is None:
            raise no_rpc(call.node, call.method)
        self._inner.check_arguments(call.node, call.method, arguments)
        deadline = time.monotonic() + DEFAULT_TIMEOUT_S
        while True:
            try:
                return await self._inner.call(call, arguments)
            except Unavailable as error:
                # Replicas start beside each other, so the one that a constructor calls may not be there yet.
                may_come = self._inner.is_constructing and error.reason != REPLICA_DIED
                if not (may_come and call.policy.idempotent and time.monotonic() < deadline):
                    raise
            await asyncio.sleep(_NOT_THERE_YET_S)
