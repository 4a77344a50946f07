"""The caller's end of the wire: a pool of connections to one replica, or to Envoy's mesh listener."""

from __future__ import annotations

import asyncio
import os
import socket
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path

from meshgen.codec.wireformat import Buffer
from meshgen.runtime.call.metadata import Metadata
from meshgen.runtime.mesh.bulk.letter import Letter, Posted
from meshgen.runtime.mesh.channel import Channel, LostError
from meshgen.runtime.mesh.wire import headers
from meshgen.runtime.mesh.wire.line import Line

_IDLE_S = 10.0
"""How long a connection stays open without a call. Callers close them: a server that did would race with calls."""
_CROWDED_S, _CROWDED_AT_MOST_S = 0.002, 0.05
"""The pauses between attempts, longer each time, while more callers connect than the kernel lets wait."""


class Peer(Channel):
    """Calls to whoever listens at a path, a connection for each that is under way.

    Connections are kept on the event loop that it is made on, or else that of the first call. Calls from another one,
    which a node may have by `asyncio.run`, get a connection of their own.
    """

    def __init__(self, path: Path) -> None:
        """Connect when the first call is made.

        Args:
            path: of the socket, not longer than 107 bytes.
        """
        self._path = os.fspath(path)
        self._loop = _running_loop()
        self._idle: deque[Line] = deque()
        """The one that was used last is at the end."""
        self._lines: set[Line] = set()
        self._rests: asyncio.TimerHandle | None = None
        """Closes connections that nobody uses, as long as there are any without a call."""
        self.busy = 0
        """Calls under way, those that are still being connected among them."""

    async def call(self, path: bytes, message: bytes | Letter, seconds: float, metadata: Metadata) -> Buffer:
        """Call an rpc and wait for its answer; `Channel` says more."""
        answer = await self._called(path, _content(message), seconds, metadata)
        assert not isinstance(answer, Posted)
        return answer

    async def _called(self, path: bytes, message: bytes, seconds: float, metadata: Metadata) -> Buffer | Posted:
        self.busy += 1
        line: Line | None = None
        try:
            if (line := self._at_hand()) is None:
                line, seconds = await self._connected(seconds)
            return await line.call(_head(path, seconds, metadata), message, seconds)
        finally:
            self.busy -= 1
            if line is not None:
                self._put_back(line)

    async def stream(
        self, path: bytes, messages: AsyncIterator[bytes], seconds: float, metadata: Metadata
    ) -> AsyncIterator[Buffer]:
        """Call an rpc with several requests, several answers or both; `Channel` says more."""
        self.busy += 1
        try:
            async with aclosing(self._streamed(path, messages, seconds, metadata)) as answers:
                async for answer in answers:
                    yield answer
        finally:
            self.busy -= 1

    async def _streamed(
        self, path: bytes, messages: AsyncIterator[bytes], seconds: float, metadata: Metadata
    ) -> AsyncGenerator[Buffer]:
        line: Line | None = None
        try:
            if (line := self._at_hand()) is None:
                line, seconds = await self._connected(seconds)
            async with aclosing(line.stream(_head(path, seconds, metadata), messages, seconds)) as answers:
                async for answer in answers:
                    yield answer
        finally:
            if line is not None:
                self._put_back(line)

    def close(self) -> None:
        """Close all connections now; what is under way is lost."""
        for line in list(self._lines):
            if not line.loop.is_closed():
                line.abort()
        self._forget()

    def _forget(self) -> None:
        self._lines.clear()
        self._idle.clear()
        if self._rests is not None:
            self._rests.cancel()
            self._rests = None

    def _at_hand(self) -> Line | None:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            if self._loop is not None and not self._loop.is_closed():
                return None
            self._loop = loop
            self._forget()
        while self._idle:
            line = self._idle.pop()
            if line.reusable:
                return line
            self._lines.discard(line)
        return None

    async def _connected(self, seconds: float) -> tuple[Line, float]:
        """A new connection, and the seconds that are left with it."""
        loop = asyncio.get_running_loop()
        end, pause = loop.time() + seconds, _CROWDED_S
        while True:
            try:
                _, line = await loop.create_unix_connection(Line, sock=_dialled(self._path))
            except BlockingIOError:
                if loop.time() + pause > end:
                    raise TimeoutError from None
                await asyncio.sleep(pause)
                pause = min(2 * pause, _CROWDED_AT_MOST_S)
            except OSError as error:
                raise LostError(f"there is no connection: {error.strerror or error}", begun=False) from None
            else:
                self._lines.add(line)
                return line, end - loop.time()

    def _put_back(self, line: Line) -> None:
        loop = line.loop
        if line.reusable and loop is self._loop and line in self._lines:
            line.idle_since = loop.time()
            self._idle.append(line)
            if self._rests is None:
                self._rests = loop.call_later(_IDLE_S, self._rest, loop)
        else:
            self._drop(line)

    def _rest(self, loop: asyncio.AbstractEventLoop) -> None:
        """Close connections that nobody has used for a while."""
        long_ago = loop.time() - _IDLE_S
        while self._idle and self._idle[0].idle_since <= long_ago:
            self._drop(self._idle.popleft())
        self._rests = loop.call_later(_IDLE_S, self._rest, loop) if self._idle else None

    def _drop(self, line: Line) -> None:
        self._lines.discard(line)
        line.abort()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _dialled(path: str) -> socket.socket:
    """A connection, made here and not by asyncio, which takes a full queue for a connection that is on its way."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    try:
        made.connect(path)
    except OSError:
        made.close()
        raise
    return made


def _content(message: bytes | Letter) -> bytes:
    if isinstance(message, bytes):
        return message
    try:
        return message.content()
    except OSError as error:
        raise LostError(f"the message is gone: {error.strerror or error}", begun=False) from None


def _head(path: bytes, seconds: float, metadata: Metadata) -> bytes:
    if seconds <= 0:
        raise TimeoutError
    return (
        b"POST %s HTTP/1.1\r\nhost: meshgen\r\ncontent-type: application/grpc\r\nte: trailers\r\ngrpc-timeout: %s\r\n%s"
        % (
            path,
            headers.timeout(seconds),
            headers.written(metadata),
        )
    )
