"""The replica's end of the connections that callers on this machine make to it straight."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from meshgen.runtime import frames
from meshgen.status import Code

Answer: TypeAlias = Callable[[bytes, dict[str, str], float | None], Awaitable[bytes]]
"""Message, metadata and seconds that the caller waits (None: for ever) → answer; raises `FailedError`."""


class FailedError(Exception):
    """What a call failed with, ready to be sent."""

    def __init__(self, code: Code, message: str, details: bytes, trailers: tuple[tuple[str, str], ...] = ()) -> None:
        """Args: the status, its text, the serialized `google.rpc.Status`, and what only proxies need to know."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details
        self.trailers = trailers


async def listen(path: Path, rpcs: Mapping[str, Answer], serving: Callable[[], Awaitable[bool]]) -> asyncio.Server:
    """Answer calls on a socket.

    Args:
        path: of the socket, not longer than 107 bytes.
        rpcs: by path, `/package.Service/Rpc`.
        serving: whether this replica should get calls.

    Raises:
        OSError: the socket cannot be made.
    """
    known = {path.encode(): answer for path, answer in rpcs.items()}
    return await asyncio.get_running_loop().create_unix_server(lambda: _Line(known, serving), path)


async def _unknown(_message: bytes, _metadata: dict[str, str], _seconds: float | None) -> bytes:
    raise FailedError(Code.UNIMPLEMENTED, "this replica has no such method", b"")


class _Line(frames.Framed):
    """One caller's connection."""

    def __init__(self, rpcs: Mapping[bytes, Answer], serving: Callable[[], Awaitable[bool]]) -> None:
        super().__init__()
        self._rpcs = rpcs
        self._serving = serving
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._loop = asyncio.get_running_loop()

    def take(self, kind: int, number: int, payload: memoryview) -> None:
        if kind == frames.REQUEST:
            answering = self._answer(number, *frames.read_request(payload))
            self._tasks[number] = self._loop.create_task(answering)
        elif kind == frames.CANCEL:
            if (task := self._tasks.get(number)) is not None:
                task.cancel()
        else:
            self._tasks[-1] = self._loop.create_task(self._pong(number))

    def ended(self) -> None:
        # Nobody waits for what is under way.
        for task in self._tasks.values():
            task.cancel()

    async def _answer(self, number: int, seconds: float, path: bytes, metadata: dict[str, str], message: bytes) -> None:
        try:
            data = await self._rpcs.get(path, _unknown)(message, metadata, seconds)
            if not self.room.is_set():
                await self.room.wait()
            self.send(frames.ANSWER, number, message=data)
        except FailedError as error:
            self.send(frames.FAILED, number, frames.failed(error.code, error.message, error.details))
        finally:
            del self._tasks[number]

    async def _pong(self, number: int) -> None:
        try:
            well = await self._serving()
        except Exception:  # noqa: BLE001 - whatever it is, it is not well
            well = False
        self.send(frames.PONG, number, b"\1" if well else b"\0")
