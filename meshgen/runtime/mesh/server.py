"""Lets callers in: registers what a replica publishes on its gRPC server, and on a socket for callers on this machine.

The way of a request: Serve's gRPC server, or a caller's link → `request.handler` (trace, deadline, metadata, a slot by
Serve's count) → the rpc of `published` (decode, run, encode) → back through the handler, which makes the status.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import grpc

from meshgen.codec import grpc_status
from meshgen.codec.wireformat import Buffer
from meshgen.rayserve.fork import ends
from meshgen.rayserve.ingress import pass_through, replica_id, takes_traffic
from meshgen.rayserve.lifetime import before_stop
from meshgen.rayserve.logs import LOGGER
from meshgen.rayserve.slots import Slots
from meshgen.runtime.call.metadata import by_key
from meshgen.runtime.mesh import health, replica, request
from meshgen.runtime.mesh.handler import FailedError, Handler
from meshgen.runtime.mesh.published import PublishedService, Run
from meshgen.runtime.mesh.wire import linkhost
from meshgen.runtime.mesh.wire.pool import configured_folder, socket_path
from meshgen.status import Code

_log = logging.getLogger(LOGGER)

_LISTENING: list[asyncio.Task[asyncio.Server | None]] = []
"""These are kept, because asyncio forgets a task, and uvloop ends a server, that nobody holds."""

_GRPC: Mapping[Code, grpc.StatusCode] = {Code(code.value[0]): code for code in grpc.StatusCode}


def add(_servicer: object, server: Any) -> None:
    """Register the replica's services on its gRPC server. Serve calls this in every replica, and in its own proxy."""
    if not replica.PUBLISHED:
        return
    before_stop(server, ends.leave)
    slots = Slots(server)
    handlers: dict[str, Handler] = {}
    for published in replica.PUBLISHED:
        for rpc, run in published.rpcs.items():
            there = _on_user_loop(run, slots.user_loop)
            handlers[f"/{published.service}/{rpc}"] = request.handler(published, rpc, there, slots)
        _register(published, handlers, server)
    health.register(server, *(published.service for published in replica.PUBLISHED))
    if folder := configured_folder():
        _listen(folder, handlers, server)


def _register(published: PublishedService, handlers: Mapping[str, Handler], server: Any) -> None:
    by_grpc: dict[str, Any] = {
        # Without serializers gRPC takes and gives bytes.
        rpc: grpc.unary_unary_rpc_method_handler(_over_grpc(handlers[f"/{published.service}/{rpc}"]))
        for rpc in published.rpcs
    }
    pass_through(server, published.service)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(published.service, by_grpc),))


def _listen(folder: Path, handlers: Mapping[str, Handler], server: Any) -> None:
    """Let callers on this machine in; should it fail, they come through Envoy."""
    path = socket_path(folder, replica_id(server))

    async def serving() -> bool:
        return (await takes_traffic(server))[0]

    async def listen() -> asyncio.Server | None:
        try:
            return await linkhost.listen(path, handlers, serving)
        except OSError as error:
            _log.warning("calls come through Envoy only: %s: %s", path, error)
            return None

    _LISTENING.append(asyncio.get_running_loop().create_task(listen()))


def _on_user_loop(run: Run, loop: asyncio.AbstractEventLoop | None) -> Run:
    """`run` where the user's object was constructed: what it keeps (clients, queues) belongs to that loop."""
    if loop is None:
        return run

    async def there(data: Buffer, most: int | None) -> bytes:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_awaited(run(data, most)), loop))

    return there


async def _awaited(work: Awaitable[bytes]) -> bytes:
    return await work


def _over_grpc(handler: Handler) -> Callable[[bytes, Any], Awaitable[bytes]]:
    async def handle(data: bytes, context: Any) -> bytes:
        try:
            return await handler(data, by_key(context.invocation_metadata() or ()), context.time_remaining())
        except FailedError as error:
            failed = error
        # Not by `set_code`: gRPC would still send an empty message, which REST clients would get in place of the error.
        trailers = ((grpc_status.TRAILER, failed.details), *failed.trailers)
        await context.abort(_GRPC[failed.code], failed.message, trailers)
        raise AssertionError("abort raises")

    return handle
