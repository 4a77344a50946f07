"""Hosts a node, or the driver, and what is placed with it, in a Ray Serve replica that answers gRPC on its own port.

The way of a request: Serve's gRPC server, or a caller's link → `_answer` (trace, deadline, metadata) → a slot by
Serve's count → the rpc (decode, run, encode) → back through `_answer`, which makes the status.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import grpc

from meshgen import limits
from meshgen.codec import grpc_status
from meshgen.codec.rpc import Contracts
from meshgen.contract import names
from meshgen.graph.model import Graph, Method, Node, Route
from meshgen.rayserve import serve_private
from meshgen.runtime.call import tracing
from meshgen.runtime.call.context import CURRENT, RequestContext
from meshgen.runtime.call.errors import as_status
from meshgen.runtime.call.hop import left_after
from meshgen.runtime.call.metadata import ROUTE, by_key
from meshgen.runtime.engine.executor import Executor
from meshgen.runtime.mesh import health
from meshgen.runtime.mesh.error_log import show_errors
from meshgen.runtime.mesh.handler import FailedError, Handler
from meshgen.runtime.mesh.transport import MeshTransport
from meshgen.runtime.mesh.wire import linkhost
from meshgen.runtime.mesh.wire.pool import configured_folder, socket_path
from meshgen.status import Code, ResourceExhausted, StatusError

if TYPE_CHECKING:
    from ray.serve import Application

SERVICER = "meshgen.runtime.mesh.server.add"
"""The one entry of Serve's `grpc_servicer_functions`."""

logger = logging.getLogger(serve_private.LOGGER)

Rpc: TypeAlias = Callable[[bytes], Awaitable[bytes]]

# Codes of a bug; one with a cause was raised here, in this replica.
_FAULTS = frozenset({Code.INTERNAL, Code.UNKNOWN, Code.DATA_LOSS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A service that a replica publishes."""

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
HOSTS: tuple[Host, ...] = ()
_LISTENING: list[asyncio.Task[asyncio.Server | None]] = []
"""Kept, because asyncio forgets a task, and uvloop ends a server, that nobody holds."""


class Replica:
    """The callable of every Serve deployment of a mesh; its requests come by `add`, not by methods."""

    def __init__(self, load: Callable[[str], Graph], source: str, node: str | None, descriptors: bytes) -> None:
        """Import the graph and construct the user's classes.

        Args:
            load: makes the graph from `source`.
            source: `graphs/x.py:app`.
            node: the node to host; None for the driver.
            descriptors: the contract, a serialized `FileDescriptorSet`.

        Raises:
            Exception: whatever the user's constructor raises; Serve shows its traceback in the deployment's status.
        """
        global HOSTS  # noqa: PLW0603
        show_errors(logger)
        graph = load(source)
        contracts = Contracts(descriptors)
        self._transport = transport = MeshTransport(graph, contracts, node)
        self._node, self._by_node = node, graph.has_configured_guests(node)
        transport.construct()
        nodes = (_node(graph, n, transport) for n in transport.nodes if n.published)
        HOSTS = (*nodes, *(() if node else (_driver(graph, contracts, transport),)))
        # Ray has the garbage collected in full now and then, and nobody is answered meanwhile: 70 ms with Ray's own
        # objects alone, 190 ms with torch's. What the start has made stays; it need not be looked at again.
        gc.collect()
        gc.freeze()

    async def check_health(self) -> None:
        """Serve calls this every `health_check_period_s`, and replaces the replica when it raises."""
        for instance in self._transport.instances:
            if instance.stuck:
                raise RuntimeError(f"{instance.stuck} calls have outlived their deadline and still run")
            await instance.check_health()

    async def reconfigure(self, user_config: Any) -> None:
        """Pass `user_config` on to the user's own `reconfigure`; by node, when guests have one."""
        configs = user_config if self._by_node else {self._node: user_config}
        for instance in self._transport.instances:
            if instance.node.name in configs:
                await instance.reconfigure(configs[instance.node.name])

    def __del__(self) -> None:
        """Serve calls this when the replica has drained; the process is killed soon after."""
        transport: MeshTransport | None = getattr(self, "_transport", None)
        for instance in transport.instances if transport else ():
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


def _node(graph: Graph, node: Node, transport: MeshTransport) -> Host:
    service = names.service(graph.name, node.name)
    instance = transport.instance(node)

    def rpc(method: Method) -> Rpc:
        codec = transport.codec(node, method)

        async def run(data: bytes) -> bytes:
            return codec.encode_response(await instance.call(method, codec.decode_request(data)))

        return run

    rpcs = {method.rpc: rpc(method) for method in node.methods}
    return Host(graph=graph.name, node=node.name, service=service, rpcs=rpcs, routes={})


def _driver(graph: Graph, contracts: Contracts, transport: MeshTransport) -> Host:
    service = names.service(graph.name)
    executor = Executor(graph, transport)

    def rpc(route: Route) -> Rpc:
        request = graph.request(route)
        codec = contracts.codec(service, route.rpc, request.params, request.record, route.result)

        async def run(data: bytes) -> bytes:
            return codec.encode_response(await executor.run(route, codec.decode_request(data)))

        return run

    rpcs = {route.rpc: rpc(route) for route in graph.routes}
    routes = {route.rpc: route.path for route in graph.routes}
    return Host(graph=graph.name, node=None, service=service, rpcs=rpcs, routes=routes)


def add(_servicer: object, server: Any) -> None:
    """Register the replica's services on its gRPC server. Serve calls this in every replica, and in its own proxy."""
    if not HOSTS:
        return
    slots = serve_private.Slots(server)
    answers: dict[str, Handler] = {}
    for host in HOSTS:
        for rpc, run in host.rpcs.items():
            answers[f"/{host.service}/{rpc}"] = _answer(host, rpc, _on_user_loop(run, slots.user_loop), slots)
        _register(host, answers, server)
    health.register(server, *(host.service for host in HOSTS))
    if folder := configured_folder():
        _listen(folder, answers, server)


def _register(host: Host, answers: Mapping[str, Handler], server: Any) -> None:
    handlers: dict[str, Any] = {
        # Without serializers gRPC takes and gives bytes.
        rpc: grpc.unary_unary_rpc_method_handler(_over_grpc(answers[f"/{host.service}/{rpc}"]))
        for rpc in host.rpcs
    }
    serve_private.pass_through(server, host.service)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(host.service, handlers),))


def _listen(folder: Path, answers: Mapping[str, Handler], server: Any) -> None:
    """Let callers on this machine in; should it fail, they come through Envoy."""
    path = socket_path(folder, serve_private.replica_id(server))

    async def serving() -> bool:
        return (await serve_private.serving(server))[0]

    async def listen() -> asyncio.Server | None:
        try:
            return await linkhost.listen(path, answers, serving)
        except OSError as error:
            logger.warning("calls come through Envoy only: %s: %s", path, error)
            return None

    _LISTENING.append(asyncio.get_running_loop().create_task(listen()))


def _on_user_loop(run: Rpc, loop: asyncio.AbstractEventLoop | None) -> Rpc:
    """`run` where the user's object was constructed: what it keeps (clients, queues) belongs to that loop."""
    if loop is None:
        return run

    async def there(data: bytes) -> bytes:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_awaited(run(data)), loop))

    return there


async def _awaited(work: Awaitable[bytes]) -> bytes:
    return await work


def _over_grpc(answer: Handler) -> Callable[[bytes, Any], Awaitable[bytes]]:
    async def handle(data: bytes, context: Any) -> bytes:
        try:
            return await answer(data, by_key(context.invocation_metadata() or ()), context.time_remaining())
        except FailedError as error:
            failed = error
        # Not by `set_code`: gRPC would still send an empty message, which REST clients would get in place of the error.
        trailers = ((grpc_status.TRAILER, failed.details), *failed.trailers)
        await context.abort(_GRPC[failed.code], failed.message, trailers)
        raise AssertionError("abort raises")

    return handle


def _answer(host: Host, rpc: str, run: Rpc, slots: serve_private.Slots) -> Handler:
    """One rpc with everything around it that a request needs, however it came."""
    path = f"/{host.service}/{rpc}"
    span_name = f"{host.name}.{rpc}"
    attributes = {tracing.GRAPH: host.graph, "rpc.service": host.service, tracing.METHOD: rpc}
    if host.node:
        attributes[tracing.NODE] = host.node
    inside, outside = limits.inside(), limits.outside()

    async def answer(data: bytes, metadata: dict[str, str], remaining: float | None) -> bytes:
        deadline = time.monotonic() + _time_for(remaining)
        limit = inside if host.node and ROUTE in metadata else outside
        with tracing.span(host.name, span_name, "server", parent=metadata, attributes=attributes) as span:
            request = RequestContext(
                graph=host.graph,
                route=host.routes.get(rpc) or metadata.get(ROUTE, "/"),
                node=host.node,
                metadata=metadata,
                deadline=deadline,
                trace_id=tracing.trace_id(),
            )
            CURRENT.set(request)  # for good: a request is answered in a context of its own
            slot = slots.of(path, metadata)
            try:
                async with slot:
                    try:
                        return await _measured(host, run, data, limit)
                    except Exception as e:  # noqa: BLE001 - whatever it is, the client gets a status
                        error = as_status(e, host.name)
                        slot.code, slot.failed = error.code.name, _is_own_fault(error)
            except serve_private.QueueFullError:
                error = ResourceExhausted(f"too many requests wait for '{host.name}'", node=host.name)
            span.fail(error)
            _log(f"{host.name}/{rpc}", error)
        details = grpc_status.encode(error, graph=host.graph, trace_id=request.trace_id)
        raise FailedError(error.code, grpc_status.message_of(error), details, _http_status(error))

    return answer


async def _measured(host: Host, run: Rpc, data: bytes, limit: int) -> bytes:
    if len(data) > limit:
        raise _too_large(f"the request to '{host.name}'", data, limit)
    answer = await run(data)
    if len(answer) > limit:
        raise _too_large(f"the answer of '{host.name}'", answer, limit)
    return answer


def _too_large(what: str, data: bytes, limit: int) -> ResourceExhausted:
    return ResourceExhausted(limits.over(what, len(data), limit), reason=limits.TOO_LARGE)


def _is_own_fault(error: StatusError) -> bool:
    return error.code in _FAULTS and error.__cause__ is not None


def _log(rpc: str, error: StatusError) -> None:
    if not _is_own_fault(error):
        # An expected status, or a fault that its own node has logged.
        logger.info("%s: %s: %s", rpc, error.code.name, error.message)
        return
    text = "".join(traceback.format_exception(error.__cause__))
    logger.error("%s: %s (trace %s)\n%s", rpc, error.message, tracing.trace_id(), text)


def _time_for(remaining: float | None) -> float:
    if remaining is None:
        return limits.DEFAULT_TIMEOUT_S
    return left_after(remaining)


def _http_status(error: StatusError) -> tuple[tuple[str, str], ...]:
    """For what the code's own HTTP status would get wrong: 429 invites to try again."""
    return ((limits.HTTP_STATUS_HEADER, "413"),) if error.reason == limits.TOO_LARGE else ()


_GRPC: Mapping[Code, grpc.StatusCode] = {Code(code.value[0]): code for code in grpc.StatusCode}
