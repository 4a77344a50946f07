"""Lets callers in: answers what a replica publishes on its socket, to Envoy and to callers on this machine.

The way of a request: `wire.server` → `request.handler` (trace, deadline, metadata, a slot by Serve's count) → the
rpc of `published` (decode, run, encode) → back through the handler, which makes the status.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from meshgen import limits
from meshgen.rayserve.fork import ends
from meshgen.rayserve.ingress import Ingress
from meshgen.rayserve.lifetime import before_stop
from meshgen.rayserve.slots import Slots
from meshgen.runtime.mesh import replica, request
from meshgen.runtime.mesh.bulk.letter import Named
from meshgen.runtime.mesh.handler import Rpc, Streaming
from meshgen.runtime.mesh.published import Run
from meshgen.runtime.mesh.wire.pool import folder, socket_path
from meshgen.runtime.mesh.wire.server import Server
from meshgen.runtime.mesh.wire.vitals import PATH, Watch

_LISTENING: list[tuple[Server, asyncio.Task[None]]] = []
"""These are kept, because asyncio forgets a task that nobody holds."""


def add(_servicer: object, server: Any) -> None:
    """Open the replica's socket. Serve calls this in every replica with its gRPC server, and in its own proxy.

    Nothing is registered on that server, which is there for Serve alone.

    Raises:
        OSError: the socket cannot be made.
        MeshgenError: nobody has said where.
    """
    if not replica.PUBLISHED:
        return
    before_stop(server, ends.leave)
    ingress, slots = Ingress(server), Slots(server)
    rpcs: dict[str, Rpc] = {PATH: Streaming(Watch(lambda: (ingress.takes_traffic, ingress.ongoing)))}
    for published in replica.PUBLISHED:
        for rpc, run in published.rpcs.items():
            there = _on_user_loop(run, slots.user_loop)
            rpcs[f"/{published.service}/{rpc}"] = request.handler(published, rpc, there, slots)
    listening = Server(
        socket_path(folder(), ingress.replica_id),
        rpcs,
        most=limits.inside(),
        well=lambda: ingress.takes_traffic,
        leaving=lambda: ingress.is_draining,
    )
    _LISTENING.append((listening, asyncio.get_running_loop().create_task(listening.start())))


def _on_user_loop(run: Run, loop: asyncio.AbstractEventLoop | None) -> Run:
    """`run` where the user's object was constructed: what it keeps (clients, queues) belongs to that loop."""
    if loop is None:
        return run

    async def there(data: Any, most: int | None) -> bytes | Named:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_awaited(run(data, most)), loop))

    return there


async def _awaited(work: Awaitable[bytes | Named]) -> bytes | Named:
    return await work
