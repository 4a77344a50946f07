"""Every place of Ray 2.60 that is not its public API and that meshgen leans on; Ray is imported inside functions only.

tests/unit/test_serve_private.py fails for each one when Ray changes it. Paths in comments are relative to `ray/serve`.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import grpc

if TYPE_CHECKING:
    from ray.serve import Deployment

LOOPBACK_CALLBACK = "meshgen.runtime.serve_private.bind_to_loopback"
"""Value of `RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH` for a mesh on one machine."""

LOGGER = "ray.serve"
"""Serve's logger in a replica: what goes there is in the replica's log file."""

Handler: TypeAlias = Callable[[Any, Any], Awaitable[bytes]]
"""Of one unary rpc: request and `grpc.aio.ServicerContext` to bytes."""


def bind_to_loopback() -> list[Any]:
    """Make Serve's gRPC ports of this process listen on 127.0.0.1 only, and each for this process only.

    Serve calls this (it wants a list of HTTP middlewares back) before a replica or its own proxy opens its gRPC server,
    and `start_grpc_server` looks both names up only then, so that replacing them takes effect:

    - `_private/grpc_util.py:204` has `[::]` built in, without authentication;
    - `:202` writes `grpc.so_reuseport` as the text "0", which gRPC does not understand, and so leaves it on. Two
      clusters on one machine would then share port 40000, and each get some of the other's requests. With it off the
      second one cannot bind, and Serve takes the next port (`_private/replica.py:2339`).
    """
    from ray.serve._private import default_impl, grpc_util

    def add_grpc_address(server: grpc.aio.Server, address: str) -> None:
        server.add_insecure_port(address.replace("[::]", "127.0.0.1"))

    def exclusive(factory: Callable[..., Any], **_options: Any) -> Any:
        return server_class(factory, extra_options=[("grpc.so_reuseport", 0)])  # type: ignore[list-item]

    server_class = grpc_util.gRPCGenericServer
    default_impl.add_grpc_address = add_grpc_address  # type: ignore[assignment]
    grpc_util.gRPCGenericServer = exclusive  # type: ignore[assignment,misc]
    return []


class RawHandlers(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # generic in the stubs only
    """Unary handlers of one service that get and give raw bytes, wrapped around Serve's own.

    `gRPCGenericServer.add_generic_rpc_handlers` (`_private/grpc_util.py:96`) looks at the first handler only, and
    replaces the values of its `_method_handlers` by Serve's request path: queue, `max_ongoing_requests`, autoscaling,
    draining, metrics. `service` then wraps what Serve put there, which gives back what Serve's path hides: the real
    `ServicerContext` with its deadline, and trailers on errors.
    """

    def __init__(self, service: str, rpcs: Iterable[str], wrap: Callable[[str, Handler], Handler]) -> None:
        """Args: full service name, rpc names, and what wraps Serve's handler of an rpc."""
        # Serve puts its own behaviour in the place of this one; without serializers gRPC takes and gives bytes.
        empty: Any = grpc.unary_unary_rpc_method_handler(_never)
        self._method_handlers = {f"/{service}/{rpc}": empty for rpc in rpcs}
        self._wrap = wrap
        self._wrapped: dict[str, Any] = {}

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """The handler of one call, or None when this service has no such rpc."""
        method = handler_call_details.method
        if method not in self._wrapped:
            inner = self._method_handlers.get(method)
            if inner is None:
                return None
            outer = self._wrap(method.rpartition("/")[2], inner.unary_unary)
            self._wrapped[method] = inner._replace(unary_unary=outer)
        return self._wrapped[method]


async def _never(_request: Any, _context: Any) -> bytes:
    raise NotImplementedError("Serve did not put its handler here")


def register(server: Any, service: str, rpcs: Iterable[str], wrap: Callable[[str, Handler], Handler]) -> None:
    """Serve `rpcs` of `service` on a replica's gRPC server, through Serve and `wrap`."""
    # One handler per call: Serve reads `handlers[0]` alone.
    server.add_generic_rpc_handlers((RawHandlers(service, rpcs, wrap),))


def pass_through(server: Any, service: str) -> None:
    """Let the handlers of `service`, registered after this, run on the server itself (`_private/grpc_util.py:59`).

    Only for what must answer when the replica is full or draining: Serve does not count such calls.
    """
    server.add_passthrough_service(service)


async def serving(server: Any) -> tuple[bool, str]:
    """Whether Serve thinks that the replica behind this gRPC server should get traffic, and a word why.

    False while it drains, and after a failed health check. `service_handler_factory` is a bound method of the replica
    (`_private/replica.py:3041`), and `_dataplane_health_check` (`:2634`) is what Serve's own Healthz answers with.
    """
    replica = server.service_handler_factory.__self__
    healthy, message = await replica._dataplane_health_check()
    return bool(healthy), str(message)


@dataclass(slots=True)
class Raw:
    """A result that is bytes already: Serve wants nothing of it but `SerializeToString()` (`_private/replica.py:2819`).

    That must return exact `bytes`; a subclass of `bytes` with such a method is refused by gRPC.
    """

    data: bytes

    def SerializeToString(self) -> bytes:  # noqa: N802
        """Give the bytes."""
        return self.data


class FailedRequestError(Exception):
    """Raised into Serve so that it counts a request as failed. What happened has been logged already."""


class _Logged(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], FailedRequestError))


def hide_failed() -> None:
    """Keep `FailedRequestError` out of Serve's log, where each exception of a request leaves two tracebacks.

    They come from `_private/grpc_util.py:267` and `_private/replica.py:1465`, through the logger of this name.
    """
    logging.getLogger(LOGGER).addFilter(_Logged())


def logs_folder() -> Path:
    """Where the replicas of the connected cluster log, on this machine (`_private/logging_utils.py:69`)."""
    from ray.serve._private.logging_utils import get_serve_logs_dir

    return Path(get_serve_logs_dir())


def with_version(deployment: Deployment, version: str) -> Deployment:
    """The deployment with a version of our own: the same version restarts nothing, a new one is a rolling update.

    `serve.run` makes up a random version each time (`_private/client.py:367`) and so restarts everything; `version` was
    taken out of the public API, but is still there behind `_internal=True` (`deployment.py:329`).
    """
    return deployment.options(version=version, _internal=True)
