"""Work on big messages, beside the event loop that answers others, and within a bound on memory.

Big requests are decoded by one thread, one after the other; so is all that is written for them. Requests that together
weigh more than `room` has wait until others are answered.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from functools import cache
from typing import TypeVar, cast

from meshgen import limits
from meshgen.runtime.nodes.thread_pool import DaemonThreads

T = TypeVar("T")

BIG: ContextVar[bool] = ContextVar("meshgen_big", default=False)
"""Whether the request under way is a big one, so that what is written for it may be, too."""

_THREAD = DaemonThreads(1, "big-messages")


async def beside(work: Callable[[], T], unwanted: Callable[[T], None] | None = None) -> T:
    """What `work` gives, from the thread for big messages; `unwanted` gets it when the caller is cancelled before."""
    return cast("T", await _THREAD.run(work, None, unwanted))


async def beside_if_big(work: Callable[[], T], unwanted: Callable[[T], None] | None = None) -> T:
    """What `work` gives; of a big request from that thread."""
    return await beside(work, unwanted) if BIG.get() else work()


class Room:
    """Bytes that requests under way share. For one event loop."""

    def __init__(self, capacity: int) -> None:
        self._capacity = self._free = capacity
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def taken(self, size: int) -> AsyncIterator[None]:
        """Room for so many bytes, once there is some, in the order of asking; what needs more than all gets all."""
        size = min(size, self._capacity)
        if self._waiting or size > self._free:
            await self._turn(size)
        else:
            self._free -= size
        try:
            yield
        finally:
            self._free += size
            self._next()

    async def _turn(self, size: int) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((size, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it had got its room
                self._free += size
            self._next()
            raise

    def _next(self) -> None:
        while self._waiting:
            size, turn = self._waiting[0]
            if turn.cancelled():
                self._waiting.popleft()
            elif size <= self._free:
                self._waiting.popleft()
                self._free -= size
                turn.set_result(None)
            else:
                return


@cache
def room() -> Room:
    """That of this process."""
    return Room(limits.CROWD * limits.decoded())
