"""The services that a replica publishes: what decodes each rpc's request, runs it and encodes its answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from meshgen.codec.rpc import Contracts
from meshgen.codec.wireformat import Buffer
from meshgen.contract import names
from meshgen.graph.model import Graph, Method, Node, Route
from meshgen.runtime.call.transport import CallInfo
from meshgen.runtime.engine.executor import Executor
from meshgen.runtime.engine.schedule import Schedule
from meshgen.runtime.mesh.answering import Answering
from meshgen.runtime.mesh.bulk.letter import Named
from meshgen.runtime.mesh.transport import MeshTransport

Run: TypeAlias = Callable[[Buffer, int | None], Awaitable[bytes | Named]]
"""A serialized request, and what it may weigh decoded → its serialized answer; raises whatever goes wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedService:
    """A node's service, or the driver's."""

    graph: str
    node: str | None
    """The node's name; None for the driver."""
    service: str
    """Full service name."""
    rpcs: Mapping[str, Run]
    """Each rpc by its name."""
    routes: Mapping[str, str]
    """Route of each rpc of the driver; empty for a node, which is told."""

    @property
    def name(self) -> str:
        """The name in traces and errors: the node's, or the graph's for the driver."""
        return self.node or self.graph


def service_of_node(graph: Graph, node: Node, transport: MeshTransport) -> PublishedService:
    """The service of a node that runs in this replica."""
    service = names.service(graph.name, node.name)
    instance = transport.instance(node)

    def answering(method: Method) -> Run:
        codec, call = transport.codec(node, method), CallInfo.outside(node, method)
        return Answering(codec, node.name, partial(instance.invoke, call), node)

    rpcs = {method.rpc: answering(method) for method in node.methods}
    return PublishedService(graph=graph.name, node=node.name, service=service, rpcs=rpcs, routes={})


def service_of_driver(graph: Graph, contracts: Contracts, transport: MeshTransport) -> PublishedService:
    """The service of the driver, whose replica this is."""
    service = names.service(graph.name)
    executor = Executor(Schedule(graph), transport)

    def answering(route: Route) -> Run:
        request = graph.request(route)
        codec = contracts.codec(service, route.rpc, request.params, request.record, route.result)
        return Answering(codec, graph.name, partial(executor.run, route))

    rpcs = {route.rpc: answering(route) for route in graph.routes}
    routes = {route.rpc: route.path for route in graph.routes}
    return PublishedService(graph=graph.name, node=None, service=service, rpcs=rpcs, routes=routes)
