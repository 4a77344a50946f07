"""Bytes of an answer → bytes of a field of another message, undecoded.

Messages that are written one after the other are one message to protobuf, so a request can be put together from fields
that were written by others. What must hold for that is asked once for each pair of rpcs: the same type in Python, and
the same fields, numbers and enums deep down, as both contracts have them. Where anything differs (`int` for a `float`,
a default for what is absent) the value is decoded and written anew.

Nobody here looks into what is passed on. Who receives it reads it as strictly as what any stranger sends, and
`RemoteTransport` then finds out whose fault it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from meshgen.codec.wireformat import ALIGNMENT, FIXED_SIZE, LENGTH, VARINT, WIRE_TYPES, Buffer, joined, varint
from meshgen.contract.shared_messages import TENSOR_PADDING
from meshgen.contract.wire import TENSOR
from meshgen.naming import RESULT_FIELD, field_name
from meshgen.schema.model import Field, ListOf, MapOf, Nothing, Optional, Record, Tensor, Type, Union, Unknown
from meshgen.schema.relate.defaults import none_is_lost
from meshgen.schema.traits import is_deep

_LONGEST_VARINT = 10

BIG = 64 * 1024
"""Bytes. A payload of that size is worth aligning."""


class Span(NamedTuple):
    """A part of a message that was received by name: whoever sends it on need not read it."""

    whole: memoryview
    """The message."""
    start: int
    end: int

    @property
    def view(self) -> memoryview:
        """The bytes."""
        return self.whole[self.start : self.end]


Part: TypeAlias = Buffer | Span
Pieces: TypeAlias = list[Part]


@dataclass(frozen=True, slots=True)
class Retagged:
    """The only field of a response (`result`) under another number."""

    old: bytes
    new: bytes
    """Tags."""
    wire_type: int
    repeated: bool = False
    optional: bool = False
    """Absence means the same on both sides."""
    padded: bool = False
    """A message that may hold padding."""

    def put(self, data: Buffer, pieces: Pieces) -> bool:
        """Append the field; False, and nothing is done, when there is anything in the response but that field."""
        at, end, old, new = len(self.old), len(data), self.old, self.new
        if data[:at] != old:
            return not data and (self.repeated or self.optional)
        stop = _end(data, at, self.wire_type)
        if stop != end:
            return self.repeated and 0 < stop < end and self._put_all(data, pieces)
        if old == new:
            pieces.append(_part(data, 0, end))
        else:
            pieces += (new, _part(data, at, end))
        return True

    def _put_all(self, data: Buffer, pieces: Pieces) -> bool:
        at, end, old = 0, len(data), self.old
        found: Pieces = []
        while at < end:
            start = at + len(old)
            if data[at:start] != old:
                return False
            at = _end(data, start, self.wire_type)
            if not 0 < at <= end:
                return False
            found.append(_part(data, start, at))
        if old == self.new:
            pieces.append(_part(data, 0, end))
        else:
            for piece in found:
                pieces += (self.new, piece)
        return True

    def padding(self, offset: int) -> bytes:
        """What to put before the field, which will be at `offset`, so that contents aligned in the response stay so.

        A message whose field comes twice is merged from both, so the padding may come as a message of its own.
        """
        shift = offset + len(self.new) - len(self.old)
        if not self.padded or shift % ALIGNMENT == 0:
            return b""
        header = len(self.new) + 3
        size = -(shift + header) % ALIGNMENT
        return self.new + bytes((size + 2, TENSOR_PADDING << 3 | LENGTH, size)) + bytes(size)


@dataclass(frozen=True, slots=True)
class Nested:
    """A whole response as a message in a field."""

    tag: bytes

    def put(self, data: Buffer, pieces: Pieces) -> bool:
        """Append the field."""
        pieces += (self.tag + varint(len(data)), _part(data, 0, len(data)))
        return True

    def padding(self, _offset: int) -> bytes:
        """None: a record has no place for it."""
        return b""


@dataclass(frozen=True, slots=True)
class Whole:
    """A response as it is."""

    def put(self, data: Buffer, pieces: Pieces) -> bool:
        """Append it."""
        pieces.append(_part(data, 0, len(data)))
        return True

    def padding(self, _offset: int) -> bytes:
        """None is needed."""
        return b""


Passage: TypeAlias = Retagged | Nested | Whole
"""How a response passes on as bytes."""

Fields: TypeAlias = list[tuple[Passage | None, Pieces]]
"""Fields of a message, by how each has passed on, None for those that were written for it."""


def into_field(source: Descriptor, type_: Type, target: Descriptor, field: Field) -> Passage | None:
    """How a response becomes a field of another message; None when it has to be decoded and written anew.

    Args:
        source: the response.
        type_: of the result.
        target: the message that has the field.
        field: what the message's reader takes it for.
    """
    there = target.fields_by_name.get(field_name(field.name))
    if there is None or none_is_lost(field) or not _fits(type_, field.type):
        return None
    if isinstance(type_, Record):
        return _nested(source, type_, there)
    if isinstance(field.type, Optional) and isinstance(type_, ListOf | MapOf):
        return None
    optional = isinstance(type_, Optional)
    return _retagged(source, there, optional=optional)


def into_list(source: Descriptor, type_: Type, target: Descriptor, field: Field) -> Passage | None:
    """How a response becomes one element of a list; None when it has to be decoded and written anew."""
    there = target.fields_by_name.get(field_name(field.name))
    if there is None or not isinstance(field.type, ListOf) or not _fits(type_, field.type.item):
        return None
    if field.type.container not in ("list", "tuple") or type(type_) is not type(field.type.item):
        return None  # elements of a set are compared with each other
    if isinstance(type_, Record):
        return _nested(source, type_, there)
    return None if isinstance(type_, ListOf | MapOf | Optional) else _retagged(source, there)


def into_answer(source: Descriptor, type_: Type, target: Descriptor, answer: Type) -> Passage | None:
    """How a response becomes another one; None when it has to be decoded and written anew."""
    if isinstance(answer, Record):
        same = isinstance(type_, Record) and type_ == answer and same_fields(source, target)
        return Whole() if same else None
    return into_field(source, type_, target, Field(name=RESULT_FIELD, type=answer))


def _fits(source: Type, target: Type) -> bool:
    """Whether every value of one is written alike for the other."""
    match source, target:
        case (Unknown() | Nothing() | Union(), _) | (Optional(item=Union()), _):
            return False
        case Tensor(library=library), Tensor(library=wanted):
            return library == wanted  # the receiver of a request looks at dtype and shape
        case Optional(item=a), Optional(item=b):
            return _fits(a, b)
        case _, Optional(item=b):
            return _fits(source, b)
        case _:
            return source == target


def _nested(source: Descriptor, record: Record, there: FieldDescriptor) -> Nested | None:
    # One level deeper than before, which may be one too deep for protobuf.
    if there.message_type is None or is_deep(record) or not same_fields(source, there.message_type):
        return None
    return Nested(_tag(there.number, LENGTH))


def _retagged(source: Descriptor, there: FieldDescriptor, *, optional: bool = False) -> Retagged | None:
    here = source.fields_by_name.get(RESULT_FIELD)
    if here is None or len(source.fields) > 1 or not _same_content(here, there, set()):
        return None
    if here.is_repeated and not there.is_repeated:
        return None
    wire_type = WIRE_TYPES[here.type]
    if here.is_repeated:
        wire_type = LENGTH  # numbers are packed
    return Retagged(
        # A number as an element of a list: readers take those of a packed list one by one, too.
        old=_tag(here.number, wire_type),
        new=_tag(there.number, wire_type),
        wire_type=wire_type,
        repeated=here.is_repeated,
        optional=optional,
        padded=there.message_type is not None and there.message_type.full_name == TENSOR and not there.is_repeated,
    )


def same_fields(a: Descriptor, b: Descriptor, seen: set[tuple[str, str]] | None = None) -> bool:
    """Whether two messages have the same fields, deep down: names, numbers, types, presence, oneofs and enums."""
    seen = set() if seen is None else seen
    pair = (a.full_name, b.full_name)
    if a is b or pair in seen:
        return True
    seen.add(pair)
    mine, theirs = a.fields_by_name, b.fields_by_name
    return mine.keys() == theirs.keys() and all(_same_field(mine[name], theirs[name], seen) for name in mine)


def _same_field(a: FieldDescriptor, b: FieldDescriptor, seen: set[tuple[str, str]]) -> bool:
    oneofs = [f.containing_oneof.name if f.containing_oneof else "" for f in (a, b)]
    return (
        a.number == b.number
        and a.is_repeated == b.is_repeated
        and a.has_presence == b.has_presence
        and oneofs[0] == oneofs[1]
        and _same_content(a, b, seen)
    )


def _same_content(a: FieldDescriptor, b: FieldDescriptor, seen: set[tuple[str, str]]) -> bool:
    if a.type != b.type:
        return False
    if a.message_type is not None and b.message_type is not None:
        return same_fields(a.message_type, b.message_type, seen)
    return a.enum_type is None or b.enum_type is None or _numbers(a.enum_type) == _numbers(b.enum_type)


def _numbers(enum: EnumDescriptor) -> dict[str, int]:
    return {name: value.number for name, value in enum.values_by_name.items()}


def concatenated(fields: Fields) -> bytes:
    """The message of these fields; every byte is copied once at most."""
    parts = [part.view if isinstance(part, Span) else part for part in parts_of(fields)]
    return parts[0] if len(parts) == 1 and isinstance(parts[0], bytes) else joined(parts)


def parts_of(fields: Fields) -> Pieces:
    """The parts of the message of these fields.

    What came by name comes first, for there is only room for a few bytes before it; then the largest, which stays
    aligned so.
    """
    flat: Pieces = []
    for _, pieces in fields:
        flat += pieces
    if len(flat) == 1:
        return flat
    if sum(map(_length, flat)) < BIG:
        return [b"".join([part.view if isinstance(part, Span) else part for part in flat])]
    together: Pieces = []
    offset = 0
    for passage, pieces in sorted(fields, key=_rank):
        padding = passage.padding(offset) if passage is not None and _size(pieces) >= BIG else b""
        together += (padding, *pieces)
        offset += len(padding) + _size(pieces)
    return together


def _rank(field: tuple[Passage | None, Pieces]) -> tuple[bool, int]:
    _, pieces = field
    return not any(isinstance(piece, Span) for piece in pieces), -_size(pieces)


def _part(data: Buffer, start: int, end: int) -> Part:
    if isinstance(data, memoryview):
        return Span(data, start, end)
    return data if end - start == len(data) else memoryview(data)[start:end]


def _length(part: Part) -> int:
    return part.end - part.start if isinstance(part, Span) else len(part)


def _size(pieces: Pieces) -> int:
    return sum(map(_length, pieces))


def _tag(number: int, wire_type: int) -> bytes:
    return varint(number << 3 | wire_type)


def _end(data: Buffer, at: int, wire_type: int) -> int:
    """Where the content that begins at `at` ends; 0 when it does not."""
    if wire_type in FIXED_SIZE:
        return at + FIXED_SIZE[wire_type]
    if at < len(data) and (first := data[at]) <= 0x7F:  # the most frequent
        return at + 1 + first if wire_type == LENGTH else at + 1
    number = shift = 0
    for byte in data[at : at + _LONGEST_VARINT]:
        number |= (byte & 0x7F) << shift
        shift += 7
        at += 1
        if byte <= 0x7F:
            return at if wire_type == VARINT else at + number
    return 0
