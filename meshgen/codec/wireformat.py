"""Exchanges the contents of bytes fields within serialized messages, and mends the lengths around them.

The rest stays byte by byte as it is, so protobuf thinks of the result what it thinks of the original: of fields that
come twice, are unknown or are broken.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple, TypeAlias

from google.protobuf.descriptor import Descriptor, FieldDescriptor

Buffer: TypeAlias = bytes | memoryview
"""Memoryviews are of one dimension, of bytes, contiguous."""

Replace: TypeAlias = Callable[[int, int], Buffer | None]
"""Start and end of a content → what to put there, or None to leave it."""

ALIGNMENT = 16
"""Bytes. Aligned contents start at a multiple of this, as seen from the start of the message; Python's bytes do too."""

_MEBIBYTE = 1 << 20
_BIG = 32 * _MEBIBYTE
"""Bytes that are copied within some ten milliseconds, those of a new page included."""

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
"""The wire types."""
FIXED_SIZE = {FIXED64: 8, FIXED32: 4}
"""Wire type → bytes."""
WIRE_TYPES: Mapping[Any, int] = {
    FieldDescriptor.TYPE_BOOL: VARINT,
    FieldDescriptor.TYPE_INT64: VARINT,
    FieldDescriptor.TYPE_INT32: VARINT,
    FieldDescriptor.TYPE_ENUM: VARINT,
    FieldDescriptor.TYPE_DOUBLE: FIXED64,
    FieldDescriptor.TYPE_FLOAT: FIXED32,
    FieldDescriptor.TYPE_STRING: LENGTH,
    FieldDescriptor.TYPE_BYTES: LENGTH,
    FieldDescriptor.TYPE_MESSAGE: LENGTH,
}
"""Type of a field → its wire type, of those that a contract has."""

_DEEPEST = 128
"""Messages in each other: a few more than protobuf reads, so that it is the one to refuse them."""

_LONGEST_VARINT = 5
"""Bytes of a tag or length."""

_LONGEST_NUMBER = 10
"""Bytes of any varint."""


class UnsearchableError(Exception):
    """Not worth searching, or written in a way that protobuf itself had better judge."""


@dataclass(frozen=True, slots=True)
class Place:
    """A field whose content may be exchanged, or a message with such a field somewhere inside."""

    inside: Places | None = None
    """None for a content."""
    padding_field: int = 0
    """The number under which the message around it has bytes of no meaning, to align this content; 0 for none."""


Places: TypeAlias = dict[int, Place]
"""Number of the field → place."""


def places_of(descriptor: Descriptor, padding: dict[str, int] | None = None) -> Places:
    """The bytes fields of a message and of the messages inside. Recursive messages make it a cycle.

    Args:
        descriptor: of the message.
        padding: number of the padding field, by full name of the messages that have one.
    """
    messages = _reachable(descriptor)
    holding = {m.full_name for m in messages if any(f.type == FieldDescriptor.TYPE_BYTES for f in m.fields)}
    while more := {m.full_name for m in messages if _holds(m, holding)} - holding:
        holding |= more
    places: dict[str, Places] = {name: {} for name in holding}
    for message in messages:
        number = (padding or {}).get(message.full_name, 0)
        for field in message.fields:
            if field.type == FieldDescriptor.TYPE_BYTES:
                places[message.full_name][field.number] = Place(padding_field=number)
            elif field.message_type is not None and field.message_type.full_name in holding:
                places[message.full_name][field.number] = Place(places[field.message_type.full_name])
    return places.get(descriptor.full_name, {})


def _reachable(descriptor: Descriptor) -> list[Descriptor]:
    found = {descriptor.full_name: descriptor}
    pending = [descriptor]
    while pending:
        for field in pending.pop().fields:
            if field.message_type is not None and field.message_type.full_name not in found:
                found[field.message_type.full_name] = field.message_type
                pending.append(field.message_type)
    return list(found.values())


def _holds(message: Descriptor, holding: set[str]) -> bool:
    return any(f.message_type is not None and f.message_type.full_name in holding for f in message.fields)


class Cut(NamedTuple):
    """A field to write anew."""

    tag_at: int
    length_at: int
    start: int
    end: int
    size: int
    """The length of the new content."""
    new: Buffer = b""
    inner: tuple[Cut, ...] = ()
    """Cuts inside of the message that stands here, in the place of a new content."""
    padding_field: int = 0

    @property
    def growth(self) -> int:
        """How much the message around it grows."""
        header = len(varint(self.size)) - (self.start - self.length_at)
        return self.size - (self.end - self.start) + header + _padding_size(self.padding_field)


class Search:
    """Finds the contents to exchange in a serialized message."""

    def __init__(
        self, data: Buffer, replace: Replace, *, smallest: int, mark: bytes = b"", most_fields: int | None = None
    ) -> None:
        """Prepare.

        Args:
            data: the message.
            replace: says what to put in the place of a content.
            smallest: bytes; shorter contents are not asked about.
            mark: bytes that are somewhere in each content that is asked about.
            most_fields: give up at a message of more.
        """
        self._data = data
        self._replace = replace
        self._smallest = smallest
        self._mark = mark
        self._most_fields = len(data) if most_fields is None else most_fields

    def cuts(self, places: Places) -> tuple[Cut, ...]:
        """What to exchange.

        Raises:
            UnsearchableError: the message is better left as it is.
        """
        try:
            return self._message(0, len(self._data), places, 1)
        except IndexError:
            raise UnsearchableError from None

    def _message(self, start: int, end: int, places: Places, depth: int) -> tuple[Cut, ...]:
        # One loop with few calls: most fields are small, and this must cost less than the copies that it saves.
        data, at, left = self._data, start, self._most_fields
        cuts: list[Cut] = []
        while at < end:
            left -= 1
            tag_at = at
            tag = data[at]
            at += 1
            if tag > 0x7F:
                tag, at = _read_varint(data, tag_at)
            kind = tag & 7
            if kind == LENGTH:
                length_at = at
                length = data[at]
                at += 1
                if length > 0x7F:
                    length, at = _read_varint(data, length_at)
                if length >= self._smallest and (place := places.get(tag >> 3)) is not None and at + length <= end:
                    cuts += self._field(place, tag_at, length_at, at, at + length, depth)
                at += length
            elif kind == VARINT:
                last = at + _LONGEST_NUMBER - 1
                while data[at] > 0x7F:
                    if at == last:
                        raise UnsearchableError
                    at += 1
                at += 1
            else:
                at += FIXED_SIZE.get(kind, len(data))
            if at > end or left < 0:
                raise UnsearchableError
        return tuple(cuts)

    def _field(self, place: Place, tag_at: int, length_at: int, start: int, end: int, depth: int) -> Iterator[Cut]:
        if depth > _DEEPEST:
            raise UnsearchableError
        if self._mark and isinstance(self._data, bytes) and self._data.find(self._mark, start, end) < 0:
            return
        if place.inside is None:
            new = self._replace(start, end)
            if new is not None:
                yield Cut(tag_at, length_at, start, end, len(new), new, padding_field=place.padding_field)
        elif inner := self._message(start, end, place.inside, depth + 1):
            size = end - start + sum(cut.growth for cut in inner)
            yield Cut(tag_at, length_at, start, end, size, inner=inner)


class Rewriting:
    """Writes a message with its contents exchanged."""

    def __init__(self, data: Buffer) -> None:
        self._view = memoryview(data)
        self._pieces: list[Buffer] = []
        self._size = 0

    def rewritten(self, cuts: Iterable[Cut]) -> bytes:
        """The new message; every byte of it is copied once."""
        return joined(self.pieces(cuts))

    def pieces(self, cuts: Iterable[Cut]) -> list[Buffer]:
        """The new message in pieces; nothing of it is copied."""
        self._message(0, len(self._view), cuts)
        return self._pieces

    def _message(self, start: int, end: int, cuts: Iterable[Cut]) -> None:
        for cut in cuts:
            self._put(self._view[start : cut.tag_at])
            header = bytes(self._view[cut.tag_at : cut.length_at]) + varint(cut.size)
            if cut.padding_field:
                before = -(self._size + _least_padding(cut.padding_field) + len(header)) % ALIGNMENT
                self._put(_padding(cut.padding_field, before), header, cut.new)
                self._put(_padding(cut.padding_field, ALIGNMENT - 1 - before))
            else:
                self._put(header, cut.new)
            if cut.inner:
                self._message(cut.start, cut.end, cut.inner)
            start = cut.end
        self._put(self._view[start:end])

    def _put(self, *pieces: Buffer) -> None:
        self._pieces += pieces
        self._size += sum(map(len, pieces))


@cache
def _padding_size(field: int) -> int:
    """What alignment costs: always the same, some before and some after, so that no length depends on the place."""
    return 2 * _least_padding(field) + ALIGNMENT - 1 if field else 0


@cache
def _least_padding(field: int) -> int:
    return len(_padding(field, 0))


def _padding(field: int, size: int) -> bytes:
    return varint(field << 3 | LENGTH) + varint(size) + bytes(size)


def joined(parts: Sequence[Buffer]) -> bytes:
    """The parts as one; each byte is copied once, of much so that other threads get their turn meanwhile."""
    if sum(map(len, parts)) <= _BIG:
        return b"".join(parts)
    whole = io.BytesIO()
    for part in parts:
        view = memoryview(part)
        for at in range(0, len(view), _MEBIBYTE):
            whole.write(view[at : at + _MEBIBYTE])
    return whole.getvalue()


def varint(number: int) -> bytes:
    """A number as protobuf writes it."""
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)


def _read_varint(data: Buffer, at: int) -> tuple[int, int]:
    """The number and what follows it."""
    number = 0
    for shift in range(0, 7 * _LONGEST_VARINT, 7):
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte <= 0x7F:
            if not byte:  # longer than it need be; protobuf may mind
                raise UnsearchableError
            return number, at
    raise UnsearchableError
