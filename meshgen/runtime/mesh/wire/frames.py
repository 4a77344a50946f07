"""What a caller and a replica on one machine say to each other over a Unix socket, and how it is read and written.

It stands in for gRPC between the two, whose Python implementation takes some 200 µs of either side for a call that this
does in 15; services, messages and errors are the same. Both ends belong to one run, and so are of one version: nothing
here is negotiated.

A frame is its length (of what follows the head), kind and the number of the call, then its parts:

    REQUEST   seconds that the caller waits · lengths of path and metadata · path · metadata · zeros · message
    ANSWER    message
    FAILED    gRPC status code · length of the text · text · serialized `google.rpc.Status`
    CANCEL    –
    PING      –
    PONG      whether the replica takes requests

The zeros of a request let its message, and arrays in it, begin at an aligned address.
"""

from __future__ import annotations

import asyncio
import struct
from itertools import chain
from typing import Final, cast

from meshgen.codec.wireformat import ALIGNMENT, Buffer
from meshgen.runtime.call.metadata import Metadata, by_key

REQUEST: Final = 1
ANSWER: Final = 2
FAILED: Final = 3
CANCEL: Final = 4
PING: Final = 5
PONG: Final = 6

_HEAD = struct.Struct("!IBI")
_REQUEST = struct.Struct("!dHI")
_FAILED = struct.Struct("!BI")

_BUFFER = 64 * 1024
"""The size of a connection's buffer; a longer frame gets one of its own, into which the socket is read at once."""
_LONGEST = 2048 * 1024 * 1024
"""More bytes than the longest message that is let through, which senders see to."""
_SHARED = _BUFFER - _HEAD.size
"""The longest payload that is read into the connection's buffer, to be overwritten by the next."""
_COPIED = 32 * 1024
"""The size of a message up to which one write with a copy takes less than two without."""


def request(seconds: float, path: bytes, metadata: Metadata) -> bytes:
    """The parts of a REQUEST before its message. Raises ValueError for metadata with NUL or lone surrogates."""
    text = "\0".join(chain.from_iterable(metadata))
    if text.count("\0") >= 2 * len(metadata) > 0:
        raise ValueError("metadata cannot have NUL in it")
    pairs = text.encode()
    size = _REQUEST.size + len(path) + len(pairs)
    return b"".join((_REQUEST.pack(seconds, len(path), len(pairs)), path, pairs, bytes(-size % ALIGNMENT)))


def read_request(payload: memoryview) -> tuple[float, bytes, dict[str, str], Buffer]:
    """Seconds, path, metadata and message; the values of a repeated key are joined, as HTTP says.

    A long message is where it was received, and belongs to the call alone, which may write into it.
    """
    seconds, path, pairs = _REQUEST.unpack_from(payload)
    start = _REQUEST.size
    middle = start + path
    end = middle + pairs
    metadata = _pairs_by_key(str(payload[middle:end], "utf-8"))
    message = payload[end + -end % ALIGNMENT :]
    return seconds, bytes(payload[start:middle]), metadata, message if len(payload) > _SHARED else bytes(message)


def failed(code: int, message: str, details: bytes) -> bytes:
    """The parts of a FAILED."""
    text = message.encode()
    return b"".join((_FAILED.pack(code, len(text)), text, details))


def read_failed(payload: memoryview) -> tuple[int, str, bytes]:
    """Code, text and details."""
    code, length = _FAILED.unpack_from(payload)
    end = _FAILED.size + length
    return code, str(payload[_FAILED.size : end], "utf-8"), bytes(payload[end:])


def _pairs_by_key(text: str) -> dict[str, str]:
    if not text:
        return {}
    parts = text.split("\0")
    keys, values = parts[::2], parts[1::2]
    found = dict(zip(keys, values, strict=True))
    return found if len(found) == len(keys) else by_key(zip(keys, values, strict=True))


class Framed(asyncio.BufferedProtocol):
    """One end of a connection. Not for several threads: it belongs to the event loop of its socket."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        """It is None before the connection and after it."""
        self.room = asyncio.Event()
        """It is set while the socket takes what is written; when it is not, wait for `writable` before a message."""
        self.room.set()
        self._buffer = memoryview(bytearray(_BUFFER))
        self._filled = 0
        self._long: tuple[int, int] | None = None
        """Kind and number of the long frame that is being read; its payload has the buffer to itself then."""

    @property
    def open(self) -> bool:
        """Whether what is sent now has a chance to arrive."""
        return self.transport is not None and not self.transport.is_closing()

    async def writable(self) -> None:
        """Wait until there is room, or the connection is over."""
        # Each time anew: who waited as well has perhaps taken it.
        while not self.room.is_set():
            await self.room.wait()

    def frame_received(self, kind: int, number: int, payload: memoryview) -> None:
        """Act on a frame; the payload is only there until this returns, unless it is longer than the buffer."""
        raise NotImplementedError

    def connection_ended(self) -> None:
        """Act on the end of the connection."""
        raise NotImplementedError

    def send(self, kind: int, number: int, before: bytes = b"", message: bytes = b"") -> None:
        """Write a frame; nothing happens when the connection is over."""
        if self.transport is None:
            return
        head = _HEAD.pack(len(before) + len(message), kind, number)
        if len(message) <= _COPIED:
            self.transport.write(b"".join((head, before, message)))
        else:
            self.transport.write(head + before)
            self.transport.write(message)

    # --- asyncio.BufferedProtocol ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: D102
        # By its methods, not by its class: uvloop's has another.
        self.transport = cast("asyncio.Transport", transport)

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002, D102
        self.transport = None
        self.room.set()
        self.connection_ended()

    def pause_writing(self) -> None:  # noqa: D102
        self.room.clear()

    def resume_writing(self) -> None:  # noqa: D102
        self.room.set()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002, D102
        return self._buffer[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:  # noqa: D102
        self._filled += nbytes
        if self._long is None:
            self._read_frames()
        elif self._filled == len(self._buffer):
            (kind, number), payload = self._long, self._buffer
            self._long = None
            self._read_into(_BUFFER, payload[:0])
            self.frame_received(kind, number, payload)

    def _read_frames(self) -> None:
        start, buffer, filled = 0, self._buffer, self._filled
        while filled - start >= _HEAD.size:
            length, kind, number = _HEAD.unpack_from(buffer, start)
            begin = start + _HEAD.size
            end = begin + length
            if end > filled:
                if length > _LONGEST:
                    raise ValueError(f"a frame of {length} bytes")
                if length > _SHARED:
                    self._long = (kind, number)
                    self._read_into(length, buffer[begin:filled])
                    return
                break
            self.frame_received(kind, number, buffer[begin:end])
            start = end
        if start:
            rest = filled - start
            # Through a copy: the two may overlap.
            buffer[:rest] = bytes(buffer[start:filled])
            self._filled = rest

    def _read_into(self, size: int, begun: memoryview) -> None:
        """Read on into a new buffer that begins with this."""
        self._buffer = memoryview(bytearray(size))
        self._buffer[: len(begun)] = begun
        self._filled = len(begun)
