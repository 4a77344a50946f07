"""How messages are written to a connection."""

from __future__ import annotations

import asyncio

from meshgen.runtime.mesh.wire.messages import prefix

_COPIED = 32 * 1024
"""The size of a message up to which one write with a copy takes less than several without."""


def write(transport: asyncio.Transport, before: bytes, message: bytes, after: bytes) -> None:
    """Write a message with its prefix, and what is around it."""
    if len(message) <= _COPIED:
        transport.write(b"".join((before, prefix(message), message, after)))
        return
    transport.write(before + prefix(message))
    transport.write(message)
    if after:
        transport.write(after)


def write_chunk(transport: asyncio.Transport, before: bytes, message: bytes, after: bytes = b"") -> None:
    """Write a message as one chunk of a body (RFC 9112, section 7.1)."""
    write(transport, b"%s%x\r\n" % (before, len(message) + 5), message, b"\r\n" + after)


class Flow:
    """Whether a connection takes what is written."""

    __slots__ = ("_room",)

    def __init__(self) -> None:
        self._room: asyncio.Future[None] | None = None

    @property
    def full(self) -> bool:
        """Wait for `room` before the next message."""
        return self._room is not None

    def pause(self) -> None:
        """It takes no more for now."""
        if self._room is None:
            self._room = asyncio.get_running_loop().create_future()

    def resume(self) -> None:
        """It takes more, or is over."""
        if self._room is not None:
            self._room.set_result(None)
            self._room = None

    async def room(self) -> None:
        """Wait until it takes more."""
        while self._room is not None:
            await asyncio.shield(self._room)
