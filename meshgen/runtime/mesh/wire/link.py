"""The caller's end of a connection to a replica on this machine."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

from meshgen.codec import grpc_status
from meshgen.runtime.call.metadata import Metadata
from meshgen.runtime.mesh.channel import Connection, LostError
from meshgen.runtime.mesh.wire import frames

_PROBE_S = 1.0
"""The pause between two questions whether the replica is well; like Envoy's health checks."""


async def connect(path: Path) -> Link:
    """Connect to the replica that listens at a path. Raises OSError when none does."""
    _, link = await asyncio.get_running_loop().create_unix_connection(Link, str(path))
    return link


class Link(frames.Framed, Connection):
    """Calls to one replica, any number at a time, from the event loop that connected it."""

    def __init__(self) -> None:
        """Use `connect`, which makes one and connects it."""
        super().__init__()
        self._calls: dict[int, asyncio.Future[bytes]] = {}
        self._last = 0
        self._asked = False
        """A PING is unanswered."""
        self._well = True
        self._over = asyncio.Event()
        self.busy = 0
        """Calls under way, those that still wait for room among them."""

    @property
    def ready(self) -> bool:
        """Connected, and the replica is well, as far as it has said."""
        return self._well and self.open

    async def call(self, path: bytes, message: bytes, seconds: float, metadata: Metadata) -> bytes:
        """Call an rpc and wait for its answer; `Channel` says more."""
        self.busy += 1
        try:
            if not self.room.is_set():
                seconds -= await self._wait_for_room(seconds)
            if seconds <= 0:
                raise TimeoutError
            if not self.open:
                raise LostError(begun=False)
            return await self._exchange(frames.request(seconds, path, metadata), message, seconds)
        finally:
            self.busy -= 1

    async def watch(self) -> None:
        """Ask now and then whether the replica is well, until the connection is over."""
        while not self._over.is_set():
            self._well = not self._asked and self._well
            self._asked = True
            self.send(frames.PING, 0)
            # Not `wait_for`, which in Python 3.11 loses a cancellation that comes with the end.
            with suppress(TimeoutError):
                async with asyncio.timeout(_PROBE_S):
                    await self._over.wait()

    async def finish(self) -> None:
        """Close the connection when the calls under way are done."""
        while self._calls:
            await asyncio.wait(self._calls.values())
        self.close()

    def close(self) -> None:
        """Close the connection now."""
        if self.transport is not None:
            self.transport.abort()

    def frame_received(self, kind: int, number: int, payload: memoryview) -> None:
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

    def connection_ended(self) -> None:
        """Fail what is under way."""
        self._over.set()
        for answer in self._calls.values():
            if not answer.done():
                answer.set_exception(LostError(begun=True))

    async def _exchange(self, before: bytes, message: bytes, seconds: float) -> bytes:
        loop = asyncio.get_running_loop()
        self._last = number = (self._last + 1) & 0xFFFFFFFF
        answer: asyncio.Future[bytes] = loop.create_future()
        self._calls[number] = answer
        clock = loop.call_later(seconds, self._late, number, answer)
        try:
            self.send(frames.REQUEST, number, before, message)
            return await answer
        except asyncio.CancelledError:
            self.send(frames.CANCEL, number)
            raise
        finally:
            clock.cancel()
            del self._calls[number]

    async def _wait_for_room(self, seconds: float) -> float:
        loop = asyncio.get_running_loop()
        begin = loop.time()
        async with asyncio.timeout(seconds):
            await self.writable()
        return loop.time() - begin

    def _late(self, number: int, answer: asyncio.Future[bytes]) -> None:
        if not answer.done():
            self.send(frames.CANCEL, number)
            answer.set_exception(TimeoutError())
