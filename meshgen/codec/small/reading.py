"""Readers of small messages, by where their fields are. What is not as protobuf writes it is left to others."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeAlias

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message_factory import GetMessageClass

from meshgen.codec import payloads
from meshgen.codec.decode import Decoding
from meshgen.codec.fallback import Otherwise, Run
from meshgen.codec.fast_decode import FastDecoding, Part, with_getter
from meshgen.codec.pycode import Unusual, indented, with_fallback
from meshgen.codec.small.layout import Layout, Others, Slot, holds_tensor, layout_of, records_in
from meshgen.codec.wireformat import FIXED32, FIXED64, LENGTH, VARINT
from meshgen.schema.convert.field_access import ABSENT
from meshgen.schema.convert.readers import when_absent
from meshgen.schema.model import CONTAINERS, Field, ListOf, Record, Scalar, Tensor
from meshgen.schema.values.scalars import INT32_MAX, INT32_MIN

_Finish: TypeAlias = Callable[[Sequence[Part]], list[str]]
"""How the fields are read → lines that return what is made of them."""

_MOST_OTHERS = 16
"""Values of a list that are stepped over one by one, to leave them to protobuf: of more, it makes less than we do."""
_LAST_SHIFT = 63
"""By which the last byte is shifted of a number of 64 bits."""
_START, _HERE = "0", "at"
"""Where something is: at the start of the message, which costs less than at `at`."""


def _size(at: str = _HERE) -> list[str]:
    """Lines that take the length of what is at a place, less than 2 MiB, and step to it.

    Each byte of a length that goes on has 128 too many.
    """
    return [
        *(["n = d[1]", "at = 2"] if at == _START else ["n = d[at + 1]", "at += 2"]),
        "if n > 127:", "    n += (d[at] << 7) - 128", "    at += 1",
        "    if n > 16383:", "        n += (d[at] << 14) - 16384", "        at += 1",
        "        if n > 2097151:", "            raise Unusual",
    ]  # fmt: skip


_OVER = {
    LENGTH: [*_size(), "at += n"],
    FIXED64: ["at += 9"],
    FIXED32: ["at += 5"],
    VARINT: ["at += 2", "while d[at - 1] > 127:", "    at += 1"],
}
"""Wire type → lines that step over what is at `at`."""


class SmallReading:
    """Compiles readers for the messages of one class."""

    def __init__(self, descriptor: Descriptor, general: Decoding, *, rules: bool = False) -> None:
        """Args: of the message, with tensors as bytes; what `FastDecoding` takes."""
        self._descriptor = descriptor
        self._general = general
        self._fast = FastDecoding(general, rules=rules)
        self._functions = self._fast.functions
        self._records: dict[Record, str] = {}

    def fields(self, fields: tuple[Field, ...], otherwise: Otherwise) -> Run:
        """Reads a dict of the fields' values, or has it read."""
        return self._reader(fields, None, self._fast.mapping, otherwise)

    def value(self, field: Field, otherwise: Otherwise) -> Run:
        """Reads the value of the only field."""
        return self._reader((field,), None, self._fast.single, otherwise)

    def record(self, record: Record, otherwise: Otherwise) -> Run:
        """Reads a value of the record."""
        if not self._fast.is_common(record):
            return otherwise.common
        return self._reader(record.fields, record, partial(self._fast.constructing, record), otherwise)

    def _reader(self, fields: tuple[Field, ...], record: Record | None, finish: _Finish, otherwise: Otherwise) -> Run:
        layout = layout_of(self._descriptor, fields)
        if layout is None or not all(map(self._fast.is_common, records_in(layout))):
            return otherwise.common
        refer = self._functions.refer
        lines = ["if type(d) is not bytes:", f"    d = {refer(payloads.copied)}(d)", "end = len(d)"]
        if holds_tensor(layout):  # of which a big one is a view, where bytes are copied
            lines += [f"if end >= {refer(payloads)}.THRESHOLD:", "    raise Unusual"]
        lines += self._lines(layout, fields, record, self._descriptor, finish, _START)
        lines = with_fallback("d", lines, refer(_UNREAD), refer(otherwise.common), refer(otherwise.general))
        return self._functions.define("d", lines, f"reader of a small {self._descriptor.name}")

    def _lines(
        self,
        layout: Layout,
        fields: Sequence[Field],
        record: Record | None,
        descriptor: Descriptor,
        finish: _Finish,
        at: str = _HERE,
    ) -> list[str]:
        """Lines that read the message in `d` from a place to `end`."""
        parts: dict[str, Part] = {}
        lines, left = list[str](), list[str]()
        for index, place in enumerate(layout):
            match place:
                case Slot():
                    absent = when_absent(place.field, record)
                    part = Part(name=place.field.name, read=f"v{index}", absent=absent)
                    parts[part.name] = part if place.is_list or absent is None else self._if_given(part)
                    lines += self._slot(place, part, at)
                case Others():
                    parts |= {f.name: self._fast.part(f, record) for f in place.fields}
                    lines += [f"s{index} = at = {at}", *_over(place)]
                    left.append(f"d[s{index}:at{index}]")
                    lines.append(f"at{index} = at")
            at = _HERE
        lines += ["if at != end:", "    raise Unusual"]
        if left:
            lines.append(f"m = {self._functions.refer(GetMessageClass(descriptor).FromString)}({' + '.join(left)})")
        found = [parts[f.name] for f in fields]
        return [*lines, *with_getter(finish(found))]

    def _if_given(self, part: Part) -> Part:
        return replace(part, given=f"{part.read} is not {self._functions.refer(ABSENT)}")

    def _slot(self, slot: Slot, part: Part, at: str) -> Iterator[str]:
        """Lines that read a field."""
        held = part.read
        if not slot.is_list and part.absent is None:
            yield from [f"if d[{at}] != {slot.tag}:", "    raise Unusual", *self._value(held, slot, at)]
            return
        if at != _HERE:
            yield f"at = {at}"
        there = f"at < end and d[at] == {slot.tag}:"
        if slot.is_list:
            yield from [f"{held} = []", f"while {there}", *indented([*self._value("e", slot), f"{held}.append(e)"])]
            container = slot.field.type.container if isinstance(slot.field.type, ListOf) else "list"
            if container != "list":
                yield f"{held} = {CONTAINERS[container].__name__}({held})"
        else:
            absent = self._functions.refer(ABSENT)
            yield from [f"if {there}", *indented([*self._value(held, slot)]), "else:", f"    {held} = {absent}"]

    def _value(self, held: str, slot: Slot, at: str = _HERE) -> Iterator[str]:
        """Lines that read the value at a place, and step over it."""
        refer, item = self._functions.refer, slot.item
        match item:
            case Tensor():
                yield f"{held}, _, at = {refer(self._general.tensor_field(item, slot.tag))}(d, {at})"
            case Record() if slot.inside is not None:
                yield from [*_size(at), "to = at + n", "if to > end:", "    raise Unusual"]
                yield f"{held} = {self._record(item, slot.inside, slot.wire.message_type)}(d, at, to)"
                yield "at = to"
            case Scalar(kind="bytes"):
                yield from [*_size(at), f"{held} = d[at:(at := at + n)]"]
            case _:
                yield from self._scalar(held, slot.wire.type, at)
                if (element := self._general.element(item)) is not None:
                    yield f"{held} = {refer(element)}({held})"

    def _scalar(self, held: str, type_: int, at: str) -> Iterator[str]:
        refer = self._functions.refer
        if type_ == FieldDescriptor.TYPE_STRING:
            yield from [*_size(at), f"{held} = d[at:(at := at + n)].decode()"]
            return
        if at != _HERE:
            yield f"at = {at}"
        match type_:
            case FieldDescriptor.TYPE_DOUBLE | FieldDescriptor.TYPE_FLOAT:
                layout = struct.Struct("<d" if type_ == FieldDescriptor.TYPE_DOUBLE else "<f")
                yield f"{held}, = {refer(layout.unpack_from)}(d, at + 1)"
                yield f"at += {layout.size + 1}"
            case FieldDescriptor.TYPE_BOOL:
                yield from [f"{held} = d[at + 1]", "at += 2", f"if {held} > 1:", "    raise Unusual"]
                yield f"{held} = {held} == 1"
            case _:
                number = _int64 if type_ == FieldDescriptor.TYPE_INT64 else _int32
                yield from [f"{held} = d[at + 1]", "at += 2", f"if {held} > 127:"]
                yield f"    {held}, at = {refer(number)}(d, at - 1)"

    def _record(self, record: Record, layout: Layout, descriptor: Descriptor) -> str:
        """The name of the function that reads a value of the record."""
        if record not in self._records:
            self._records[record] = name = self._functions.reserve()
            finish = partial(self._fast.constructing, record)
            lines = self._lines(layout, record.fields, record, descriptor, finish)
            self._functions.define("d, at, end", lines, f"reader of a small {record}", name)
        return self._records[record]


def _over(others: Others) -> Iterator[str]:
    """Lines that step over the values that are left to protobuf."""
    for tag, is_list in others.tags.items():
        there, step = f"at < end and d[at] == {tag}", _OVER[tag & 7]
        if is_list:
            yield from [f"for _ in range({_MOST_OTHERS}):", f"    if not ({there}):", "        break"]
            yield from [*indented(step), "else:", "    raise Unusual"]
        else:
            yield from [f"if {there}:", *indented(step)]


def _int64(data: bytes, at: int) -> tuple[int, int]:
    """A number of 64 bits and where it ends."""
    number = shift = 0
    while (byte := data[at]) > 0x7F:
        number |= (byte & 0x7F) << shift
        shift += 7
        at += 1
        if shift > _LAST_SHIFT:
            raise Unusual
    number |= byte << shift
    if number >> 64:
        raise Unusual
    return number - (number >> 63 << 64), at + 1


def _int32(data: bytes, at: int) -> tuple[int, int]:
    number, at = _int64(data, at)
    if not INT32_MIN <= number <= INT32_MAX:
        raise Unusual
    return number, at


_UNREAD = (Unusual, IndexError, UnicodeDecodeError, struct.error)
