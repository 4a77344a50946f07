"""The caller's end of a connection to a replica on this machine."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress

from meshgen.runtime import frames, grpc_status

_PROBE_S = 1.0
"""Between two questions whether the replica is well; like Envoy's health checks."""


class LostError(Exception):
    """The connection ended before the answer came."""

    def __init__(self, *, begun: bool) -> None:
        """Args: whether the replica may have begun with the call."""
        super().__init__("the connection to the replica was lost")
        self.begun = begun


class Link(frames.Framed):
    """Calls to one replica, any number at a time."""

    def __init__(self) -> None:
        """Connect it with `loop.create_unix_connection`."""
        super().__init__()
        self._calls: dict[int, asyncio.Future[bytes]] = {}
        self._last = 0
        self._asked = False
        """A PING is unanswered."""
        self._well = True
        self._over = asyncio.Event()

    @property
    def ready(self) -> bool:
        """Connected, and the replica is well, as far as it has said."""
        return self._well and self.transport is not None

    @property
    def busy(self) -> int:
        """Calls under way."""
        return len(self._calls)

    async def call(self, path: bytes, message: bytes, seconds: float, metadata: Iterable[tuple[str, str]]) -> bytes:
        """Call an rpc and wait for its answer.

        Args:
            path: `/package.Service/Rpc`.
            message: the serialized request.
            seconds: to wait at most; the replica is told.
            metadata: as in gRPC, text only.

        Raises:
            StatusError: of the service.
            TimeoutError: no answer came in time.
            LostError: the connection ended first.
        """
        loop = asyncio.get_running_loop()
        if not self.room.is_set():
            begin = loop.time()
            async with asyncio.timeout(seconds):
                await self.room.wait()
            seconds -= loop.time() - begin
        if self.transport is None:
            raise LostError(begun=False)
        self._last = number = (self._last + 1) & 0xFFFFFFFF
        answer: asyncio.Future[bytes] = loop.create_future()
        self._calls[number] = answer
        clock = loop.call_later(seconds, self._late, number)
        try:
            self.send(frames.REQUEST, number, frames.request(seconds, path, metadata), message)
            return await answer
        except asyncio.CancelledError:
            self.send(frames.CANCEL, number)
            raise
        finally:
            clock.cancel()
            self._calls.pop(number, None)

    async def watch(self) -> None:
        """Ask now and then whether the replica is well, until the connection is over."""
        while self.transport is not None:
            self._well = self._well and not self._asked
            self._asked = True
            self.send(frames.PING, 0)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), _PROBE_S)

    async def finish(self) -> None:
        """Close the connection when the calls under way are done."""
        while self._calls and self.transport is not None:
            await asyncio.wait(self._calls.values())
        self.close()

    def close(self) -> None:
        """Close the connection now."""
        if self.transport is not None:
            self.transport.abort()

    def take(self, kind: int, number: int, payload: memoryview) -> None:
        """Give an answer to the call that waits for it; nobody does when it was given up."""
        if kind == frames.PONG:
            self._asked, self._well = False, bytes(payload) == b"\1"
            return
        answer = self._calls.get(number)
        if answer is None or answer.done():
            return
        if kind == frames.ANSWER:
            answer.set_result(bytes(payload))
        else:
            answer.set_exception(grpc_status.decode(*frames.read_failed(payload)))

    def ended(self) -> None:
        """Fail what is under way."""
        self._over.set()
        for answer in self._calls.values():
            if not answer.done():
                answer.set_exception(LostError(begun=True))

    def _late(self, number: int) -> None:
        answer = self._calls[number]
        if not answer.done():
            self.send(frames.CANCEL, number)
            answer.set_exception(TimeoutError())
