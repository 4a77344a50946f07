"""Reads what comes on a connection in turns: where that takes long, a part at a time, and others get theirs between.

The event loop hands over up to 256 KiB at a time. Most are read in no time, but as chunks of one byte they take 40 ms.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from meshgen.codec.wireformat import Buffer

_PIECE = 8 * 1024
"""Bytes that are read at once, and twice as many after each piece that took no time."""
_NO_TIME_S, _TURN_S = 0.0002, 0.0005


class Turns:
    """What has come on one connection and is not read yet."""

    __slots__ = ("_read", "_resume", "_unread", "waiting")

    def __init__(self, read: Callable[[Buffer], None], resume: Callable[[], None]) -> None:
        """Args: what reads a piece, and what lets more come, after `take` has kept it from coming."""
        self._read = read
        self._resume = resume
        self._unread = b""
        self.waiting = False
        """Some of it is to be read in later turns; no more is to come before that."""

    def take(self, data: bytes, transport: asyncio.Transport) -> None:
        """Read what comes, now or in later turns."""
        if len(data) <= _PIECE and not self.waiting:
            self._read(data)
            return
        self._unread += data
        if not self.waiting:
            self._turn(transport)

    def _turn(self, transport: asyncio.Transport) -> None:
        unread, at, size = memoryview(self._unread), 0, _PIECE
        begin = now = time.monotonic()
        while at < len(unread) and now - begin < _TURN_S:
            self._read(unread[at : at + size])
            at += size
            before, now = now, time.monotonic()
            if now - before < _NO_TIME_S:
                size *= 2
        self._unread = b"" if transport.is_closing() else self._unread[at:]
        if self._unread:
            self.waiting = True
            transport.pause_reading()
            asyncio.get_running_loop().call_soon(self._turn, transport)
        elif self.waiting:
            self.waiting = False
            self._resume()
