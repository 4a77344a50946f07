"""The messages of one side of a call as they arrive: the other side is read no faster than they are taken."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Self

from meshgen.codec.wireformat import Buffer

_FULL = 256 * 1024
"""Bytes that wait to be taken before the other side is not read any more."""
_EACH = 64
"""Bytes that a message takes which has none."""


class Inbox:
    """An iterator of messages, for one who takes them."""

    def __init__(self, pause: Callable[[], None], resume: Callable[[], None]) -> None:
        """Args: what keeps the other side from being read while too much waits, and what lets it be read again."""
        self._pause, self._resume = pause, resume
        self._waiting: deque[Buffer] = deque()
        self._size = 0
        self._end: Exception | None = None
        self.paused = False
        """The other side is not read, and so its end is not seen."""
        self._news: asyncio.Future[None] | None = None

    def put(self, message: Buffer) -> None:
        """Take in a message."""
        self._waiting.append(message)
        self._size += len(message) + _EACH
        if self._size > _FULL and not self.paused and self._end is None:
            self.paused = True
            self._pause()
        self._tell()

    def end(self, why: Exception | None = None) -> None:
        """Say that no more come, and what went wrong if something has; what has come can still be taken."""
        if self._end is None:
            self._end = why or StopAsyncIteration()
            self._read_on()  # what follows belongs to others, and the end of the connection must be seen
            self._tell()

    def __aiter__(self) -> Self:
        """Iterate over the messages."""
        return self

    async def __anext__(self) -> Buffer:
        """The next message, once it is there.

        Raises:
            StopAsyncIteration: there are no more.
            Exception: what the other side, or the way to it, failed with.
        """
        while not self._waiting:
            if self._end is not None:
                raise self._end
            self._news = asyncio.get_running_loop().create_future()
            await self._news
        message = self._waiting.popleft()
        self._size -= len(message) + _EACH
        if self._size <= _FULL // 2:
            self._read_on()
        return message

    def _read_on(self) -> None:
        if self.paused:
            self.paused = False
            self._resume()

    def _tell(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)
