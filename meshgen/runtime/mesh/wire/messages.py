"""The messages of an rpc in a body: each with five bytes before it, its flag and its length.

Source: `doc/PROTOCOL-HTTP2.md` of gRPC, "Length-Prefixed-Message".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from meshgen.codec.wireformat import Buffer
from meshgen.status import Code

PREFIX = struct.Struct("!BI")
"""Whether the message is compressed, and its length."""
_SMALL = 16 * 1024
"""Bytes up to which a message is cut out of what came; a longer one is collected where it stays."""


class BadMessageError(Exception):
    """A body that cannot be read, and the status that its sender is told."""

    def __init__(self, code: Code, text: str) -> None:
        """Args: the status, and its message."""
        super().__init__(text)
        self.code = code


def prefix(message: bytes) -> bytes:
    """What is written before a message."""
    return PREFIX.pack(0, len(message))


class Messages:
    """Takes a body in pieces of any size, and gives the messages in it.

    Memory is taken for what has come, whatever lengths were announced. A long message begins at an aligned address,
    and belongs to whom it is given, who may write into it.
    """

    __slots__ = ("_begun", "_left", "_long", "_most")

    def __init__(self, most: int) -> None:
        """Args: bytes of the longest message."""
        self._most = most
        self._begun = b""
        """The beginning of a message, with its prefix, that fits into no more than a few pieces."""
        self._long = bytearray()
        self._left = 0
        """Bytes that a long message still lacks."""

    @property
    def between(self) -> bool:
        """Whether no message has begun that is not complete."""
        return not self._begun and not self._left

    def feed(self, data: bytes) -> Iterator[Buffer]:
        """The messages that are complete with this piece; take all of them.

        Raises:
            BadMessageError: one is compressed, or longer than the longest.
        """
        if self._left:
            data = self._more(data)
            if self._left:
                return
            yield self._taken()
        if self._begun:
            data = self._begun + data
            self._begun = b""
        start, size = 0, len(data)
        while size - start >= PREFIX.size:
            flag, length = PREFIX.unpack_from(data, start)
            self._check(flag, length)
            end = start + PREFIX.size + length
            if end <= size:
                yield data[start + PREFIX.size : end]
                start = end
            elif length > _SMALL:
                self._left = length
                self._more(data[start + PREFIX.size :])
                return
            else:
                break
        self._begun = data[start:]

    def _check(self, flag: int, length: int) -> None:
        if flag:
            raise BadMessageError(Code.UNIMPLEMENTED, "compressed messages are not taken; send it as it is")
        if length > self._most:
            raise BadMessageError(
                Code.RESOURCE_EXHAUSTED, f"a message of {length} bytes, and the most are {self._most}"
            )

    def _more(self, data: bytes) -> bytes:
        """Take what belongs to the long message; what is left of the piece."""
        mine = data if len(data) <= self._left else data[: self._left]
        self._long += mine
        self._left -= len(mine)
        return data[len(mine) :]

    def _taken(self) -> memoryview:
        taken, self._long = memoryview(self._long), bytearray()
        return taken
