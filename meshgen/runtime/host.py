"""Hosts a node, or the driver, in a Ray Serve replica that answers gRPC on a port of its own.

The way of a request: gRPC server → `_answer` (trace, deadline, metadata) → Serve (queue, counting) → `Replica` (decode,
run, encode) → back through `_answer`, which writes the status. Serve's request is our `Call`, which it hands through
untouched; its result is bytes.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from meshgen.contract import names
from meshgen.errors import MeshgenError
from meshgen.graph.model import DEFAULT_TIMEOUT_S, Graph, Method, Node, Route
from meshgen.runtime import grpc_status, serve_private, tracing
from meshgen.runtime.codec import Contracts
from meshgen.runtime.context import CURRENT, RequestContext
from meshgen.runtime.executor import Executor
from meshgen.runtime.failure import as_status
from meshgen.runtime.instance import Handle, Instance
from meshgen.runtime.remote import MESH_ADDRESS, ROUTE, RemoteTransport
from meshgen.status import BY_CODE, Code, StatusError

if TYPE_CHECKING:
    from ray.serve import Application

SERVICER = "meshgen.runtime.host.add"
"""The one entry of Serve's `grpc_servicer_functions`."""

logger = logging.getLogger("ray.serve")

Rpc: TypeAlias = Callable[[bytes], Awaitable[bytes]]

_HEALTH = "grpc.health.v1.Health"
_WATCH_S = 1.0
# The server's own fault: Serve should count these as errors and log the traceback.
_FAULTS = frozenset({Code.INTERNAL, Code.UNKNOWN, Code.DATA_LOSS})


@dataclass(slots=True)
class Call:
    """One request on its way through Serve."""

    data: bytes
    entered: bool = False
    """Serve let it through to the rpc."""
    error: StatusError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What a replica publishes."""

    graph: str
    node: str | None
    """None for the driver."""
    service: str
    """Full service name."""
    rpcs: Mapping[str, Rpc]
    routes: Mapping[str, str]
    """Route of each rpc of the driver; empty for a node, which is told."""

    @property
    def name(self) -> str:
        """The name in traces and errors: the node's, or the graph's for the driver."""
        return self.node or self.graph


# Set by the constructor of `Replica`, which runs before the replica's gRPC server opens. `add` has no other way to it:
# Serve's replica context does not hold the user's object yet when it calls `add`.
HOST: Host | None = None


class Replica:
    """The callable of every Serve deployment of a mesh. Serve finds a method per rpc on the instance."""

    def __init__(self, load: Callable[[str], Graph], source: str, node: str | None, descriptors: bytes) -> None:
        """Import the graph and construct the user's class.

        Args:
            load: makes the graph from `source`.
            source: `graphs/x.py:app`.
            node: the node to host; None for the driver.
            descriptors: the contract, a serialized `FileDescriptorSet`.

        Raises:
            Exception: whatever the user's constructor raises; Serve shows its traceback in the deployment's status.
        """
        global HOST  # noqa: PLW0603
        graph = load(source)
        contracts = Contracts(descriptors)
        self._transport = MeshTransport(graph, contracts)
        self._instances: list[Instance] = []
        if node is None:
            HOST = _driver(graph, contracts, self._transport)
        else:
            instance = self._transport.construct(graph.node(node))
            self._instances.append(instance)
            HOST = _node(graph, graph.node(node), contracts, instance)
        for rpc, run in HOST.rpcs.items():
            setattr(self, rpc, _within_serve(HOST, rpc, run))

    async def check_health(self) -> None:
        """Serve calls this every `health_check_period_s`, and replaces the replica when it raises."""
        for instance in (*self._instances, *self._transport.inline):
            if instance.stuck:
                raise RuntimeError(f"{instance.stuck} calls have outlived their deadline and still run")
            await instance.check_health()

    async def reconfigure(self, user_config: Any) -> None:
        """Pass `user_config` on to the user's own `reconfigure`."""
        for instance in self._instances:
            result = instance.reconfigure(user_config)
            if asyncio.iscoroutine(result):
                await result

    def __del__(self) -> None:
        """Serve calls this when the replica has drained; the process is killed soon after."""
        for instance in getattr(self, "_instances", ()):
            instance.close()
        tracing.flush(1.0)


def deployment(*init_args: Any, options: Mapping[str, Any], version: str) -> Application:
    """The Serve application that runs `Replica(*init_args)`.

    Args:
        init_args: of `Replica`.
        options: of the deployment, by Serve's names.
        version: the same one again restarts no replica.
    """
    from ray import serve

    # The name is constant: a deployment that is renamed is deleted and created, not updated replica by replica.
    configured = serve.deployment(**{"name": "node", **options})(Replica)
    return serve_private.with_version(configured, version).bind(*init_args)


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
        with tracing.span(node.name, f"{node.name}.{method.name}", "server", attributes={tracing.NODE: node.name}):
            return await instance.call(method, arguments, alone=alone)

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


def _node(graph: Graph, node: Node, contracts: Contracts, instance: Instance) -> Host:
    service = names.service(graph.name, node.name)

    def rpc(method: Method) -> Rpc:
        codec = contracts.codec(service, method.rpc, method.params, None, method.result)

        async def run(data: bytes) -> bytes:
            return codec.encode_response(await instance.call(method, codec.decode_request(data)))

        return run

    rpcs = {method.rpc: rpc(method) for method in node.methods}
    return Host(graph=graph.name, node=node.name, service=service, rpcs=rpcs, routes={})


def _driver(graph: Graph, contracts: Contracts, transport: MeshTransport) -> Host:
    service = names.service(graph.name)
    executor = Executor(graph, transport)
    for node in graph.nodes:
        if node.inline:
            # Now, not at the first request: an error belongs to the start.
            transport.instance(node)

    def rpc(route: Route) -> Rpc:
        request = graph.request(route)
        codec = contracts.codec(service, route.rpc, request.params, request.record, route.result)

        async def run(data: bytes) -> bytes:
            return codec.encode_response(await executor.run(route, codec.decode_request(data)))

        return run

    rpcs = {route.rpc: rpc(route) for route in graph.routes}
    routes = {route.rpc: route.path for route in graph.routes}
    return Host(graph=graph.name, node=None, service=service, rpcs=rpcs, routes=routes)


def _within_serve(host: Host, rpc: str, run: Rpc) -> Callable[[Call], Awaitable[serve_private.Raw]]:
    """The method that Serve calls once the request has its slot."""

    async def method(call: Call) -> serve_private.Raw:
        call.entered = True
        try:
            return serve_private.Raw(await run(call.data))
        except Exception as e:  # noqa: BLE001
            call.error = error = as_status(e, host.name)
            if error.code in _FAULTS and error.node == host.name:
                # Serve counts it and logs the chain of tracebacks; the client sees `call.error` only.
                raise error from (error.__cause__ or e if error is not e else None)
            # An expected status, or a fault that its own node has logged: returning keeps the log free of tracebacks.
            logger.info("%s/%s: %s: %s", host.name, rpc, error.code.name, error.message)
            return serve_private.Raw(b"")

    return method


def add(_servicer: object, server: Any) -> None:
    """Register the replica's service on its gRPC server. Serve calls this in every replica, and in its own proxy."""
    host = HOST
    if host is None:
        return
    serve_private.register(server, host.service, host.rpcs, lambda rpc, inner: _answer(host, rpc, inner))
    serve_private.pass_through(server, _HEALTH)
    health_pb2_grpc.add_HealthServicer_to_server(Health(host.service, server), server)


def _answer(host: Host, rpc: str, inner: serve_private.Handler) -> serve_private.Handler:
    """Serve's handler of one rpc, with everything around it that a request needs."""
    attributes = {tracing.GRAPH: host.graph, "rpc.service": host.service, tracing.METHOD: rpc}
    if host.node:
        attributes[tracing.NODE] = host.node

    async def handle(data: bytes, context: Any) -> bytes:
        metadata = _metadata(context.invocation_metadata())
        remaining = context.time_remaining()
        deadline = time.monotonic() + (DEFAULT_TIMEOUT_S if remaining is None else remaining)
        with tracing.span(host.name, f"{host.name}.{rpc}", "server", parent=metadata, attributes=attributes) as span:
            trace_id = tracing.trace_id()
            request = RequestContext(
                graph=host.graph,
                route=host.routes.get(rpc) or metadata.get(ROUTE, ""),
                node=host.node or "",
                metadata=metadata,
                deadline=deadline,
                trace_id=trace_id,
            )
            token = CURRENT.set(request)
            try:
                call = Call(data)
                answer = await inner(call, context)
            finally:
                CURRENT.reset(token)
            error = call.error or _refused(call, context, host)
            if error is not None:
                span.fail(error)
                _write(error, context, host.graph, trace_id)
            return answer

    return handle


def _refused(call: Call, context: Any, host: Host) -> StatusError | None:
    """What Serve itself answered when the request never got to the rpc: its queue is full."""
    code = context.code()
    if call.entered or not isinstance(code, grpc.StatusCode):
        return None
    return BY_CODE[Code(code.value[0])](f"{host.name}: {context.details() or code.name}", node=host.name)


def _write(error: StatusError, context: Any, graph: str, trace_id: str) -> None:
    # After Serve's handler, not in it: on success Serve writes over the trailers, on an exception it drops them.
    context.set_code(_GRPC[error.code])
    context.set_details(grpc_status.message_of(error))
    details = grpc_status.encode(error, graph=graph, trace_id=trace_id)
    context.set_trailing_metadata((*(context.trailing_metadata() or ()), (grpc_status.TRAILER, details)))


_GRPC: Mapping[Code, grpc.StatusCode] = {Code(code.value[0]): code for code in grpc.StatusCode}


def _metadata(pairs: Sequence[tuple[str, str | bytes]] | None) -> dict[str, str]:
    """Text metadata by lower-case key; a repeated key's values are joined, as HTTP says."""
    found: dict[str, str] = {}
    for key, value in pairs or ():
        if isinstance(value, str):
            found[key] = f"{found[key]}, {value}" if key in found else value
    return found


class Health(health_pb2_grpc.HealthServicer):  # type: ignore[misc]  # has no types
    """`grpc.health.v1` of one replica: not serving while Serve drains it or finds it unhealthy."""

    def __init__(self, service: str, server: Any) -> None:
        self._services = ("", service)
        self._server = server

    async def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Answer for the whole replica ("") or for its service."""
        if request.service not in self._services:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"no service '{request.service}' here")
        return health_pb2.HealthCheckResponse(status=await self._status())

    async def Watch(self, request: Any, _context: Any) -> AsyncIterator[Any]:  # noqa: N802
        """Answer now and after each change."""
        known = request.service in self._services
        last: int | None = None
        while True:
            now = await self._status() if known else health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
            if now != last:
                last = now
                yield health_pb2.HealthCheckResponse(status=now)
            await asyncio.sleep(_WATCH_S)

    async def _status(self) -> int:
        serving, _ = await serve_private.serving(self._server)
        response = health_pb2.HealthCheckResponse
        return int(response.SERVING if serving else response.NOT_SERVING)
