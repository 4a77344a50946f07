"""Hosts a node, or the driver, in a Ray Serve replica that answers gRPC on a port of its own.

The way of a request: gRPC server → `_answer` (trace, deadline, metadata) → Serve (queue, counting) → `Replica` (decode,
run, encode) → back through `_answer`, which writes the status. Serve's request is our `Call`, which it hands through
untouched; its result is bytes.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import grpc

from meshgen import limits
from meshgen.contract import names
from meshgen.graph.model import Graph, Method, Node, Route
from meshgen.runtime import grpc_status, health, serve_private, tracing
from meshgen.runtime.codec import Contracts
from meshgen.runtime.context import CURRENT, RequestContext
from meshgen.runtime.errorfile import show_errors
from meshgen.runtime.executor import Executor
from meshgen.runtime.failure import as_status
from meshgen.runtime.instance import Instance
from meshgen.runtime.placed import MeshTransport
from meshgen.runtime.remote import ROUTE
from meshgen.status import BY_CODE, Code, ResourceExhausted, StatusError

if TYPE_CHECKING:
    from ray.serve import Application

SERVICER = "meshgen.runtime.host.add"
"""The one entry of Serve's `grpc_servicer_functions`."""

logger = logging.getLogger(serve_private.LOGGER)

Rpc: TypeAlias = Callable[[bytes], Awaitable[bytes]]

# Codes of a bug; one with a cause was raised here, in this replica.
_FAULTS = frozenset({Code.INTERNAL, Code.UNKNOWN, Code.DATA_LOSS})
# Taken off the caller's deadline, so that an error with its details is back before the caller gives up.
_RETURN_S = 0.02
_RETURN_SHARE = 0.1


@dataclass(slots=True)
class Call:
    """One request on its way through Serve."""

    data: bytes
    limit: int
    """Bytes that request and answer may have."""
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
        serve_private.hide_failed()
        show_errors(logger)
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
            await instance.reconfigure(user_config)

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
            _measure(f"the request to '{host.name}'", call.data, call.limit)
            answer = await run(call.data)
            _measure(f"the answer of '{host.name}'", answer, call.limit)
            return serve_private.Raw(answer)
        except Exception as e:  # noqa: BLE001 - whatever it is, the client gets a status
            call.error = error = as_status(e, host.name)
            if error.code not in _FAULTS or error.__cause__ is None:
                # An expected status, or a fault that its own node has logged.
                logger.info("%s/%s: %s: %s", host.name, rpc, error.code.name, error.message)
                return serve_private.Raw(b"")
            text = "".join(traceback.format_exception(error.__cause__))
            logger.error("%s/%s: %s (trace %s)\n%s", host.name, rpc, error.message, tracing.trace_id(), text)  # noqa: TRY400
            raise serve_private.FailedRequestError(error.code.name) from None

    return method


def _measure(what: str, data: bytes, limit: int) -> None:
    if len(data) > limit:
        raise ResourceExhausted(limits.over(what, len(data), limit), reason=limits.TOO_LARGE)


def add(_servicer: object, server: Any) -> None:
    """Register the replica's service on its gRPC server. Serve calls this in every replica, and in its own proxy."""
    host = HOST
    if host is None:
        return
    serve_private.register(server, host.service, host.rpcs, lambda rpc, inner: _answer(host, rpc, inner))
    health.register(server, host.service)


def _answer(host: Host, rpc: str, inner: serve_private.Handler) -> serve_private.Handler:
    """Serve's handler of one rpc, with everything around it that a request needs."""
    attributes = {tracing.GRAPH: host.graph, "rpc.service": host.service, tracing.METHOD: rpc}
    if host.node:
        attributes[tracing.NODE] = host.node
    inside, outside = limits.inside(), limits.outside()

    async def handle(data: bytes, context: Any) -> bytes:
        metadata = _metadata(context.invocation_metadata())
        deadline = time.monotonic() + _time_for(context.time_remaining())
        with tracing.span(host.name, f"{host.name}.{rpc}", "server", parent=metadata, attributes=attributes) as span:
            trace_id = tracing.trace_id()
            request = RequestContext(
                graph=host.graph,
                route=host.routes.get(rpc) or metadata.get(ROUTE, "/"),
                node=host.node,
                metadata=metadata,
                deadline=deadline,
                trace_id=trace_id,
            )
            token = CURRENT.set(request)
            try:
                call = Call(data, inside if host.node and ROUTE in metadata else outside)
                answer = await inner(call, context)
            finally:
                CURRENT.reset(token)
            error = call.error or _refused(call, context, host)
            if error is not None:
                span.fail(error)
        if error is not None:
            await _abort(error, context, host.graph, trace_id)
        return answer

    return handle


def _time_for(remaining: float | None) -> float:
    if remaining is None:
        return limits.DEFAULT_TIMEOUT_S
    return remaining - min(_RETURN_S, _RETURN_SHARE * remaining)


def _refused(call: Call, context: Any, host: Host) -> StatusError | None:
    """What Serve itself answered when the request never got to the rpc: its queue is full."""
    code = context.code()
    if call.entered or not isinstance(code, grpc.StatusCode):
        return None
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return ResourceExhausted(f"too many requests wait for '{host.name}'", node=host.name)
    return BY_CODE[Code(code.value[0])](context.details() or code.name, node=host.name)


async def _abort(error: StatusError, context: Any, graph: str, trace_id: str) -> None:
    # After Serve's handler, not in it: on success Serve writes over the trailers, on an exception it drops them. And by
    # `abort`: with `set_code` gRPC still sends an empty message, which REST clients would get in place of the error.
    details = grpc_status.encode(error, graph=graph, trace_id=trace_id)
    trailers = (*(context.trailing_metadata() or ()), (grpc_status.TRAILER, details), *_http_status(error))
    await context.abort(_GRPC[error.code], grpc_status.message_of(error), trailers)


def _http_status(error: StatusError) -> tuple[tuple[str, str], ...]:
    """For what the code's own HTTP status would get wrong: 429 invites to try again."""
    return ((limits.HTTP_STATUS_HEADER, "413"),) if error.reason == limits.TOO_LARGE else ()


_GRPC: Mapping[Code, grpc.StatusCode] = {Code(code.value[0]): code for code in grpc.StatusCode}


def _metadata(pairs: Sequence[tuple[str, str | bytes]] | None) -> dict[str, str]:
    """Text metadata by lower-case key; a repeated key's values are joined, as HTTP says."""
    found: dict[str, str] = {}
    for key, value in pairs or ():
        if isinstance(value, str):
            found[key] = f"{found[key]}, {value}" if key in found else value
    return found
