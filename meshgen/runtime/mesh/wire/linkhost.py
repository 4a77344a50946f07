"""The replica's end of the connections that callers on this machine make to it straight."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from meshgen.codec.wireformat import Buffer
from meshgen.runtime.mesh.handler import FailedError, Handler
from meshgen.runtime.mesh.wire import frames
from meshgen.status import Code
from meshgen.tracebacks import kind_and_text

_BACKLOG = 1024
"""Callers that connect at the same time; asyncio takes a full queue for a connection."""
_log = logging.getLogger(__name__)


async def listen(path: Path, rpcs: Mapping[str, Handler], serving: Callable[[], Awaitable[bool]]) -> asyncio.Server:
    """Answer calls on a socket.

    Args:
        path: of the socket, not longer than 107 bytes.
        rpcs: by path, `/package.Service/Rpc`.
        serving: whether this replica should get calls.

    Returns:
        The server, which must be kept: uvloop ends one that nobody holds.

    Raises:
        OSError: the socket cannot be made.
    """
    known = {path.encode(): handler for path, handler in rpcs.items()}
    loop = asyncio.get_running_loop()
    return await loop.create_unix_server(lambda: _Line(known, serving, loop), path, backlog=_BACKLOG)


async def _unknown(_message: Buffer, _metadata: dict[str, str], _seconds: float | None) -> bytes:
    raise FailedError(Code.UNIMPLEMENTED, "its replica has no such method", b"")


class _Line(frames.Framed):
    """One caller's connection."""

    def __init__(
        self,
        rpcs: Mapping[bytes, Handler],
        serving: Callable[[], Awaitable[bool]],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__()
        self._rpcs = rpcs
        self._serving = serving
        self._loop = loop
        self._under_way: dict[int, asyncio.Task[None]] = {}
        self._probe: asyncio.Task[None] | None = None

    def frame_received(self, kind: int, number: int, payload: memoryview) -> None:
        if kind == frames.REQUEST:
            serving = self._loop.create_task(self._serve(number, *frames.read_request(payload)))
            self._under_way[number] = serving
            # Not in the task itself, which never begins when it is cancelled before.
            serving.add_done_callback(lambda _: self._under_way.pop(number, None))
        elif kind == frames.CANCEL:
            if (given_up := self._under_way.get(number)) is not None:
                given_up.cancel()
        elif kind == frames.PING:
            if self._probe is None or self._probe.done():
                self._probe = self._loop.create_task(self._pong(number))
        else:
            raise ValueError(f"no frame of kind {kind} comes from a caller")

    def connection_ended(self) -> None:
        # Nobody waits for what is under way.
        for serving in self._under_way.values():
            serving.cancel()

    async def _serve(self, number: int, seconds: float, path: bytes, metadata: dict[str, str], message: Buffer) -> None:
        try:
            data = await self._rpcs.get(path, _unknown)(message, metadata, seconds)
            if not self.room.is_set():
                await self.writable()
            self.send(frames.ANSWER, number, message=data)
        except FailedError as error:
            self.send(frames.FAILED, number, frames.failed(error.code, error.message, error.details))
        except asyncio.CancelledError:
            # Whoever gave up does not wait for this; but user code may have cancelled itself.
            self.send(frames.FAILED, number, frames.failed(Code.CANCELLED, "it was cancelled", b""))
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller is not left without an answer
            _log.exception("%s failed", path.decode())
            text = f"unexpected {kind_and_text(error)}"
            self.send(frames.FAILED, number, frames.failed(Code.UNKNOWN, text, b""))

    async def _pong(self, number: int) -> None:
        try:
            well = await self._serving()
        except Exception:  # noqa: BLE001 - whatever it is, it is not well
            _log.exception("the replica cannot say whether it is well")
            well = False
        self.send(frames.PONG, number, b"\1" if well else b"\0")
