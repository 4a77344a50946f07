"""Messages with big payloads (pixels, tensors, bytes) ⇄ bytes, the payloads past protobuf, which copies them often.

In the protobuf message a key of a few bytes takes the place of each big payload, in the bytes the payload itself.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from meshgen.codec.pycode import Unusual
from meshgen.codec.wireformat import Buffer, Places, Rewriting, Search, UnsearchableError, joined, places_of
from meshgen.contract.shared_messages import TENSOR_PADDING
from meshgen.schema.misfit import EncodeError

T = TypeVar("T")

THRESHOLD = 512 * 1024
"""Bytes. Below it protobuf's copies cost less than going around them (`python -m benchmarks.codec`)."""

_VIEWED = 32 * 1024
"""The same for what was received into memory that the message has to itself: there an array can be written to."""

_PADDING = {"meshgen.tensor.v1.Tensor": TENSOR_PADDING}
"""Padded, an array over the message's bytes is aligned: numpy is faster so, and some libraries take no others."""

_BYTES_PER_FIELD = 4096
"""Messages with smaller fields on average are left to protobuf: to search them may cost more than it saves."""

LARGEST = (1 << 31) - 1
"""Bytes of a message, by protobuf."""

_MARK = os.urandom(12)
KEY_SIZE = len(_MARK) + 4
"""Bytes of what stands for a payload."""


class _Held(threading.local):
    payloads: dict[bytes, Buffer] | None = None
    """Key → payload, of the message that this thread is writing or reading."""


_HELD = _Held()


def payload_key(payload: Buffer) -> bytes:
    """What to put into a bytes field of a message that is being written."""
    held = _HELD.payloads
    return bytes(payload) if held is None or len(payload) < THRESHOLD else _keep(held, payload)


def payload_of(content: bytes) -> Buffer:
    """What a bytes field of a message that is being read stands for; big payloads are views of what was received.

    Whoever received it into memory of his own may write to it there.
    """
    held = _HELD.payloads
    return held.get(content, content) if held and len(content) == KEY_SIZE else content


def key_in(content: bytes) -> int:
    """Where a key begins in the bytes of a message that is being read; below zero when there is none."""
    return content.find(_MARK)


def _keep(held: dict[bytes, Buffer], payload: Buffer) -> bytes:
    # No sender can write a key, by chance or on purpose: the mark never leaves this process.
    key = _MARK + len(held).to_bytes(4, "big")
    held[key] = payload
    return key


def copied(data: Buffer) -> bytes:
    """The bytes of what was received into memory of its own, as `MessageBytes.read` would copy them.

    Raises:
        Unusual: there may be something of which it gives a view.
    """
    if len(data) >= min(_VIEWED, THRESHOLD):
        raise Unusual
    return bytes(data)


class MessageBytes:
    """Bytes of the messages of one class."""

    def __init__(self, cls: type[Message], declared: Descriptor | None = None, *, deep: bool = False) -> None:
        """Prepare.

        Args:
            cls: of the messages.
            declared: the message as its contract has it, when `cls` leaves some of it as bytes.
            deep: messages may be nested deeper than protobuf reads.
        """
        descriptor: Any = declared or cls.DESCRIPTOR
        self.name: str = descriptor.full_name
        self._class = cls
        self._whole = GetMessageClass(declared) if declared is not None and deep else None
        """Says how deep is too deep, when `cls` cannot."""
        self._parse = cls.FromString if self._whole is None else self._parse_strictly
        self._written = places_of(descriptor, _PADDING)
        self._read = places_of(descriptor)

    @property
    def taken(self) -> Descriptor:
        """The message as it is written and read."""
        descriptor: Any = self._class.DESCRIPTOR
        found: Descriptor = descriptor
        return found

    def write(self, fill: Callable[[Any, Any], None], value: Any, *, verify: bool = False) -> bytes:
        """The bytes of a message into which `fill` has put `value`.

        Args:
            fill: puts a value into a message; bytes by `payload_key`.
            value: what to put.
            verify: see that protobuf can read what it has written, which goes deeper than it reads.

        Raises:
            EncodeError: `fill`'s, or the message is larger than protobuf lets it be.
            DecodeError: it cannot be read.
        """
        parts = self.parts(fill, value, verify=verify)
        return parts if isinstance(parts, bytes) else joined(parts)

    def parts(self, fill: Callable[[Any, Any], None], value: Any, *, verify: bool = False) -> bytes | list[Buffer]:
        """What `write` gives, big payloads apart: they are where the value has them, and not to be kept for later."""
        held: dict[bytes, Buffer] = {}
        message = self._class()
        if self._written:
            before, _HELD.payloads = _HELD.payloads, held
            try:
                fill(message, value)
            finally:
                _HELD.payloads = before
        else:
            fill(message, value)
        data = message.SerializeToString()
        if verify:
            (self._whole or self._class).FromString(data)
        return _with_payloads(data, self._written, held) if held else data

    def check(self, fill: Callable[[Any, Any], None], value: Any, *, verify: bool = False) -> None:
        """Raise what `write` would, without copying big payloads."""
        message = self._class()
        before, _HELD.payloads = _HELD.payloads, {}
        try:
            fill(message, value)
        finally:
            _HELD.payloads = before
        if verify:
            (self._whole or self._class).FromString(message.SerializeToString())

    def read(self, read: Callable[[Any], T], data: Buffer) -> T:
        """What `read` makes of the message.

        Args:
            read: takes a message; bytes by `payload_of`.
            data: the message's bytes.

        Raises:
            DecodeError: `data` is not a message of this class.
        """
        smallest = min(_VIEWED, THRESHOLD) if isinstance(data, memoryview) else THRESHOLD
        if len(data) < smallest or not self._read:
            return read(self._parse(data if type(data) is bytes else bytes(data)))
        held: dict[bytes, Buffer] = {}
        data = _without_payloads(data, self._read, held, smallest)
        message = self._parse(bytes(data))
        before, _HELD.payloads = _HELD.payloads, held
        try:
            return read(message)
        finally:
            _HELD.payloads = before

    def _parse_strictly(self, data: bytes) -> Message:
        assert self._whole is not None
        self._whole.FromString(data)
        return self._class.FromString(data)


def _with_payloads(data: bytes, places: Places, held: dict[bytes, Buffer]) -> list[Buffer]:
    size = len(data) + sum(map(len, held.values()))
    if size > LARGEST:
        raise EncodeError(f"is {size} bytes, more than the 2 GiB that a message can hold")
    search = Search(data, lambda start, end: held.get(data[start:end]), smallest=KEY_SIZE, mark=_MARK)
    return Rewriting(data).pieces(search.cuts(places))


def _without_payloads(data: Buffer, places: Places, held: dict[bytes, Buffer], smallest: int) -> Buffer:
    view = memoryview(data)
    search = Search(
        data,
        lambda start, end: _keep(held, view[start:end]),
        smallest=smallest,
        most_fields=len(data) // _BYTES_PER_FIELD,
    )
    try:
        cuts = search.cuts(places)
    except UnsearchableError:
        held.clear()
        return data
    return Rewriting(data).rewritten(cuts) if cuts else data
