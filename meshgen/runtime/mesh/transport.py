"""A node wherever it runs: over the mesh, or in this process when it is placed here.

What a border between processes does, a call in this process keeps: rules of parameters are enforced, a result must be
of its type, whatever goes wrong is a status that names the node. Values are not copied and have no size limit.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from meshgen.codec.lazy import plainly
from meshgen.codec.rpc import Contracts, RpcCodec
from meshgen.contract import names
from meshgen.errors import MeshgenError
from meshgen.graph.model import Graph, Method, Node
from meshgen.runtime.call import tracing
from meshgen.runtime.call.context import CURRENT, RequestContext, current
from meshgen.runtime.call.deadline import left_after, time_limit
from meshgen.runtime.call.errors import as_status, blamed_for_request
from meshgen.runtime.call.transport import CallInfo
from meshgen.runtime.mesh.remote import MESH_ADDRESS, RemoteTransport
from meshgen.runtime.mesh.wire.pool import configured_folder
from meshgen.runtime.nodes.handles import Handle
from meshgen.runtime.nodes.instance import Instance
from meshgen.schema.check.requests import request_check
from meshgen.schema.model import Choice, EnumOf, Nothing, Optional, Scalar, Type
from meshgen.schema.relate.assignable import holds


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
        here = {host, *(node.name for node in graph.guests(host))}
        self.nodes = tuple(node for node in graph.nodes if node.name in here)
        """Those of this replica, in the order in which they were bound, so that a node comes before its callers."""
        self._borders = {
            (node.name, method.name): Border(graph, node, method, contracts)
            for node in self.nodes
            if node.published
            for method in node.methods
        }

    @property
    def instances(self) -> tuple[Instance, ...]:
        """What has been constructed here."""
        return tuple(self._instances.values())

    def construct(self) -> None:
        """Construct the nodes of this replica.

        Raises:
            Exception: whatever a user's constructor raises.
        """
        for node in self.nodes:
            self.instance(node)

    async def call(self, call: CallInfo, arguments: Mapping[str, Any]) -> Any:
        """Call a node wherever it runs; `Transport` says more."""
        node = call.node
        border = self._borders.get((node.name, call.method.name))
        if border is None and node.published:
            return await self._mesh().call(call, arguments)
        instance = self.instance(node)
        request = current()
        token = CURRENT.set(_seen_from(call, request)) if request else None
        attributes = None if border is None else border.attributes
        try:
            with tracing.span(node.name, call.name, "server", attributes=attributes):
                # Never alone: other requests run on this loop.
                if border is None:
                    return await instance.invoke(call, plainly(arguments))
                return await border.call(instance, call, plainly(arguments))
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
        """Of a method of a published node of this replica."""
        return self._borders[node.name, method.name].codec

    def check_arguments(self, node: Node, method: Method, arguments: Mapping[str, Any]) -> None:
        """Raise EncodeError for what a call over the mesh could not carry; calls that go over it are checked there."""
        if (border := self._borders.get((node.name, method.name))) is not None:
            border.check_arguments(arguments)

    def _mesh(self) -> RemoteTransport:
        if self._remote is None:
            address = os.environ.get(MESH_ADDRESS)
            if not address:
                raise MeshgenError(f"{MESH_ADDRESS} is not set: the address of Envoy's mesh listener is not known")
            self._remote = RemoteTransport(self._graph.name, self._contracts, address, configured_folder())
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
        self._inner.check_arguments(call.node, call.method, arguments)
        return await self._inner.call(call, arguments)


class Border:
    """What stands between a published node and a caller in its own process."""

    def __init__(self, graph: Graph, node: Node, method: Method, contracts: Contracts) -> None:
        """Compile the checks of one method."""
        service = names.service(graph.name, node.name)
        self._node = node
        self._method = method
        self.codec = contracts.codec(service, method.rpc, method.params, None, method.result)
        self._enforce = request_check(method.params)
        self._is_flat = is_flat(method.result)
        self.attributes = {
            tracing.GRAPH: graph.name,
            "rpc.service": service,
            tracing.METHOD: method.rpc,
            tracing.NODE: node.name,
        }
        """Of the span, as a replica of the node's own would set them."""

    async def call(self, instance: Instance, call: CallInfo, arguments: Mapping[str, Any]) -> Any:
        """Call the node.

        Raises:
            StatusError: whatever went wrong, in the node's name; a bug is the cause.
        """
        try:
            if self._enforce is not None:
                with blamed_for_request(self._node):
                    self._enforce(arguments)
            result = await instance.invoke(call, arguments)
            if not (self._is_flat and holds(result, self._method.result)):
                self.codec.check_response(result)
        except Exception as error:  # noqa: BLE001 - user code's, whatever it is
            raise as_status(error, self._node.name)  # noqa: B904 - `as_status` gives it its cause
        return result

    def check_arguments(self, arguments: Mapping[str, Any]) -> None:
        """Raise EncodeError for what the contract cannot carry."""
        self.codec.check_request(arguments)


def is_flat(type_: Type) -> bool:
    """`holds` sees at a glance all that there is of such a value; others are best judged by the codec."""
    match type_:
        case Optional(item=item):
            return is_flat(item)
        case _:
            return isinstance(type_, Scalar | Choice | EnumOf | Nothing)
