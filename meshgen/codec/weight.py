"""What a message weighs once it is decoded, found out before it is: a few bytes can be a million objects or pixels.

Bytes and text are left out: they take what they take in the message. The walk is in Python, so that other threads go on
meanwhile; protobuf reads a message in one piece.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from meshgen.codec.wireformat import FIXED_SIZE, LENGTH, VARINT, Buffer
from meshgen.contract.wire import IMAGE
from meshgen.schema.values.picture import decoded_size

MESSAGE, VALUE, NUMBER = 160, 48, 32
"""Bytes that Python and protobuf take for a message, for a value of it, and for a number in a list, about."""

_PIECE = 1 << 20
_CONTINUED = bytes(range(0x80, 0x100))

Content: TypeAlias = Callable[[Buffer, int, int], int]
"""Message, start and end of a content → its weight."""

Table: TypeAlias = dict[int, "Table | Content"]
"""Number of a field → the table of the message in it, or what weighs its content; for all others `VALUE`."""


class Scale:
    """Weighs the messages of one class."""

    def __init__(self, descriptor: Descriptor) -> None:
        """Args: of the message."""
        self._table = _table(descriptor, {})

    def weigh(self, data: Buffer, most: int) -> int:
        """The weight in bytes; when it is more than `most`, perhaps only a part of it.

        Of what is no such message any weight: protobuf will refuse it.
        """
        try:
            return self._weigh(data, most)
        except IndexError:
            return MESSAGE

    def _weigh(self, data: Buffer, most: int) -> int:
        # One loop, with few calls: there may be millions of fields.
        at, end, table, weight = 0, len(data), self._table, MESSAGE
        around: list[tuple[int, Table]] = []
        while weight <= most:
            if at >= end:
                if not around:
                    break
                end, table = around.pop()
                continue
            tag = data[at]
            at += 1
            if tag > 0x7F:
                tag, at = _varint(data, at - 1)
            kind = tag & 7
            weight += VALUE
            if kind == LENGTH:
                length = data[at]
                at += 1
                if length > 0x7F:
                    length, at = _varint(data, at - 1)
                found = table.get(tag >> 3)
                if found is None:
                    at += length
                elif isinstance(found, dict):
                    weight += MESSAGE
                    around.append((end, table))
                    end, table = at + length, found
                else:
                    weight += found(data, at, at + length)
                    at += length
            elif kind == VARINT:
                while data[at] > 0x7F:
                    at += 1
                at += 1
            elif kind in FIXED_SIZE:
                at += FIXED_SIZE[kind]
            # Groups, which nobody has written for decades: their fields are walked through like those around them.
        return weight


def _table(descriptor: Descriptor, known: dict[str, Table]) -> Table:
    if descriptor.full_name in known:
        return known[descriptor.full_name]
    table = known[descriptor.full_name] = {}
    for field in descriptor.fields:
        if field.message_type is not None:
            table[field.number] = _table(field.message_type, known)
        elif descriptor.full_name == IMAGE and field.name in _OF_IMAGES:
            table[field.number] = _OF_IMAGES[field.name]
        elif field.is_repeated and field.type in _NUMBERS:
            table[field.number] = _NUMBERS[field.type]
    return table


def _varint(data: Buffer, at: int) -> tuple[int, int]:
    """The number and what follows it, however it is written."""
    number = shift = 0
    while (byte := data[at]) > 0x7F:
        number |= (byte & 0x7F) << shift
        shift += 7
        at += 1
    return number | byte << shift, at + 1


def _of_fixed(size: int, _data: Buffer, start: int, end: int) -> int:
    return (end - start) // size * NUMBER


def _of_varints(data: Buffer, start: int, end: int) -> int:
    pieces = (bytes(data[at : min(at + _PIECE, end)]) for at in range(start, end, _PIECE))
    return sum(len(piece.translate(None, _CONTINUED)) for piece in pieces) * NUMBER


def _of_file(data: Buffer, start: int, end: int) -> int:
    return decoded_size(memoryview(data)[start:end])


def _of_pixels(_data: Buffer, start: int, end: int) -> int:
    return end - start


_OF_IMAGES: dict[str, Content] = {"encoded": _of_file, "pixels": _of_pixels}
_NUMBERS: dict[Any, Content] = {
    FieldDescriptor.TYPE_DOUBLE: partial(_of_fixed, 8),
    FieldDescriptor.TYPE_FLOAT: partial(_of_fixed, 4),
    **dict.fromkeys(
        (
            FieldDescriptor.TYPE_BOOL,
            FieldDescriptor.TYPE_ENUM,
            FieldDescriptor.TYPE_INT32,
            FieldDescriptor.TYPE_INT64,
            FieldDescriptor.TYPE_UINT64,
        ),
        _of_varints,
    ),
}
