"""Writers of small messages: they write what protobuf would, byte for byte, or leave it to others."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import TypeAlias

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message_factory import GetMessageClass

from meshgen.codec import payloads
from meshgen.codec.encode import Encoding
from meshgen.codec.fallback import Otherwise, Run
from meshgen.codec.fast_encode import CLASSES, FastEncoding, got, uncommon
from meshgen.codec.pycode import Unusual, indented, with_fallback
from meshgen.codec.small.layout import Layout, Others, Slot, layout_of, records_in
from meshgen.codec.tensors.content import tensor_field_writer
from meshgen.codec.wireformat import varint
from meshgen.schema.model import Field, ListOf, MapOf, Optional, Record, Scalar, Tensor
from meshgen.schema.relate.defaults import none_is_lost
from meshgen.schema.values.scalars import INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, TO_SCALAR

_Get: TypeAlias = Callable[[Field], str]
"""Expression of a field's value."""

_SHORT = 1 << 7
"""The first length and the first number that take two bytes."""
_HEADS = 512
"""Lengths that are remembered for each field."""


class SmallWriting:
    """Compiles writers for the messages of one class."""

    def __init__(self, descriptor: Descriptor, general: Encoding) -> None:
        """Args: of the message, with tensors as bytes; what writes everything that is not common."""
        self._descriptor = descriptor
        self._general = general
        self._fast = FastEncoding(general)
        self._functions = self._fast.functions
        self._records: dict[Record, str] = {}

    def fields(self, fields: tuple[Field, ...], otherwise: Otherwise) -> Run:
        """Writes a mapping, as `Encoding.fields` does, or has it written."""
        optional = [f.name for f in fields if not f.required]
        count = " + ".join([str(len(fields) - len(optional)), *(f"({name!r} in v)" for name in optional)])
        return self._writer(fields, lambda f: f"v[{f.name!r}]", otherwise, f"len(v) != {count}", frozenset(optional))

    def value(self, field: Field, otherwise: Otherwise) -> Run:
        """Writes the value of the only field, or has it written."""
        return self._writer((field,), lambda _: "v", otherwise, "")

    def record(self, record: Record, otherwise: Otherwise) -> Run:
        """Writes a value of the record, as `Encoding.record` does, or has it written."""
        unusual = uncommon(record, self._functions)
        if unusual is None:
            return otherwise.common
        return self._writer(record.fields, partial(_got, record), otherwise, unusual)

    def _writer(
        self,
        fields: tuple[Field, ...],
        get: _Get,
        otherwise: Otherwise,
        unusual: str,
        optional: frozenset[str] = frozenset(),
    ) -> Run:
        layout = layout_of(self._descriptor, fields)
        if layout is None or any(uncommon(record, self._functions) is None for record in records_in(layout)):
            return otherwise.common
        lines = [f"if {unusual}:", "    raise Unusual"] if unusual else []
        lines += self._lines(layout, self._descriptor, get, optional)
        if _is_bounded(layout):
            lines.append(f"return {_joined(layout)}")
        else:
            lines += [f"d = {_joined(layout)}", f"if len(d) <= {payloads.LARGEST}:", "    return d"]
        common, general = map(self._functions.refer, (otherwise.common, otherwise.general))
        lines = with_fallback("v", lines, "Unusual", common, general)
        return self._functions.define("v", lines, f"writer of a small {self._descriptor.name}")

    def _lines(
        self, layout: Layout, descriptor: Descriptor, get: _Get, optional: frozenset[str] = frozenset()
    ) -> Iterator[str]:
        """Lines that make the pieces of a message, those of place 0 in `a0` and `b0`."""
        for index, place in enumerate(layout):
            match place:
                case Slot(field=field):
                    written, absent = self._slot(index, place), _nothing(index, place)
                    yield from self._put(field, get, written, absent, optional)
                case Others(fields=fields):
                    yield f"m = {self._functions.refer(GetMessageClass(descriptor))}()"
                    for field in fields:
                        yield from self._put(field, get, self._fast.field(field), ["pass"], optional)
                    yield f"a{index} = m.SerializeToString()"

    def _put(
        self, field: Field, get: _Get, written: list[str], absent: list[str], optional: frozenset[str]
    ) -> list[str]:
        """Lines that write a field, or its absence when it is an argument that may be left out."""
        there = [f"x = {get(field)}", *written]
        if field.name not in optional:
            return there
        if isinstance(field.type, ListOf | MapOf) and field.has_default:
            absent = [f"x = {self._functions.refer(field.make_default)}()", *written]
        return [f"if {field.name!r} in v:", *indented(there), "else:", *indented(absent)]

    def _slot(self, index: int, slot: Slot) -> list[str]:
        """Lines that make the pieces of a field of `x`."""
        if slot.is_list:
            each = [*self._value("h", "c", slot), f"a{index} += h, c"]
            unusual = ["if type(x) is not list and type(x) is not tuple:", "    raise Unusual"]
            return [*unusual, f"a{index} = []", "for x in x:", *indented(each)]
        written = [*self._value(f"a{index}", f"b{index}", slot)]
        if not isinstance(slot.field.type, Optional):
            return written
        absent = ["raise Unusual"] if none_is_lost(slot.field) else _nothing(index, slot)
        return ["if x is None:", *indented(absent), "else:", *indented(written)]

    def _value(self, head: str, content: str, slot: Slot) -> Iterator[str]:
        """Lines that make what stands before the value `x`, and what it is."""
        refer, item = self._functions.refer, slot.item
        match item:
            case Tensor():
                yield f"{head}, {content} = {refer(tensor_field_writer(self._general.asked(item), slot.tag))}(x)"
            case Record() if slot.inside is not None:
                yield f"{content} = {self._record(item, slot.inside, slot.wire.message_type)}(x)"
                yield from self._before(head, content, slot)
            case Scalar(kind="bytes"):
                yield from ["if type(x) is not bytes:", "    raise Unusual", f"{content} = x"]
                yield from self._before(head, content, slot)
                yield from [f"if k >= {refer(payloads)}.THRESHOLD:", "    raise Unusual"]
            case _:
                yield from self._plain(slot)
                yield from self._scalar(head, content, slot)

    def _plain(self, slot: Slot) -> Iterator[str]:
        """Lines that make of `x` what is written."""
        match slot.item:
            case Scalar(kind=kind) if kind in CLASSES:
                yield f"if type(x) is not {CLASSES[kind].__name__}:"
                yield f"    x = {self._functions.refer(TO_SCALAR[kind])}(x)"
            case item:
                yield f"x = {self._functions.refer(self._general.scalar(item))}(x)"

    def _scalar(self, head: str, content: str, slot: Slot) -> Iterator[str]:
        refer, tag = self._functions.refer, bytes((slot.tag,))
        match slot.wire.type:
            case FieldDescriptor.TYPE_STRING:
                yield f"{content} = {refer(str.encode)}(x)"
                yield from self._before(head, content, slot)
                return
            case FieldDescriptor.TYPE_DOUBLE | FieldDescriptor.TYPE_FLOAT:
                layout = struct.Struct("<d" if slot.wire.type == FieldDescriptor.TYPE_DOUBLE else "<f")
                yield f"{head} = {tag!r} + {refer(layout.pack)}(x)"
            case FieldDescriptor.TYPE_BOOL:
                yield f"{head} = {tag + bytes((1,))!r} if x else {tag + bytes((0,))!r}"
            case FieldDescriptor.TYPE_INT64:
                yield self._number(head, tag, range(INT64_MIN, INT64_MAX + 1))
            case _:
                yield self._number(head, tag, range(INT32_MIN, INT32_MAX + 1))
        yield f"{content} = b''"

    def _number(self, head: str, tag: bytes, allowed: range) -> str:
        refer = self._functions.refer
        return f"{head} = {refer(_after(tag))}[x] if 0 <= x < {_SHORT} else {refer(partial(_number, tag, allowed))}(x)"

    def _before(self, head: str, content: str, slot: Slot) -> list[str]:
        """Lines that make what stands before a content, and its length `k`."""
        refer, tag = self._functions.refer, bytes((slot.tag,))
        long = lru_cache(_HEADS)(lambda size: tag + varint(size))
        return [
            f"k = len({content})",
            f"{head} = {refer(_after(tag))}[k] if k < {_SHORT} else {refer(long)}(k)",
        ]

    def _record(self, record: Record, layout: Layout, descriptor: Descriptor) -> str:
        """The name of the function that writes a value of the record."""
        if record not in self._records:
            self._records[record] = name = self._functions.reserve()
            lines = [f"if {uncommon(record, self._functions)}:", "    raise Unusual"]
            lines += [*self._lines(layout, descriptor, partial(_got, record)), f"return {_joined(layout)}"]
            self._functions.define("v", lines, f"writer of a small {record}", name)
        return self._records[record]


def _got(record: Record, field: Field) -> str:
    return got(record, field, record.fields.index(field))


def _nothing(index: int, slot: Slot) -> list[str]:
    return [f"a{index} = []"] if slot.is_list else [f"a{index} = b{index} = b''"]


def _is_bounded(layout: Layout) -> bool:
    """Whether every message is as small as protobuf takes it."""
    return all(isinstance(place, Slot) and not place.is_list and place.inside is None for place in layout)


def _joined(layout: Layout) -> str:
    """Expression of the message of which all pieces are there."""
    pieces: list[str] = []
    for index, place in enumerate(layout):
        match place:
            case Others():
                pieces.append(f"a{index}")
            case Slot():
                pieces += [f"*a{index}"] if place.is_list else [f"a{index}", f"b{index}"]
    is_tensor = any(isinstance(place, Slot) and isinstance(place.item, Tensor) for place in layout)
    return "a0 + b0" if pieces == ["a0", "b0"] and not is_tensor else f"b''.join(({', '.join(pieces)},))"


def _after(tag: bytes) -> tuple[bytes, ...]:
    """A tag and each length or number of one byte."""
    return tuple(tag + bytes((number,)) for number in range(_SHORT))


def _number(tag: bytes, allowed: range, number: int) -> bytes:
    if number not in allowed:
        raise Unusual
    return tag + varint(number & 0xFFFF_FFFF_FFFF_FFFF)
