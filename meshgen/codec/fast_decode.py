"""Fast readers of messages, without calls for each field. They read what `Decoding` would, or raise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from meshgen.codec.decode import Decoding
from meshgen.codec.pieces import PIECE, elements_of, listed
from meshgen.codec.pycode import CompiledFunctions, field_of, indented, is_plain_name
from meshgen.codec.tensors.content import merged
from meshgen.naming import field_name
from meshgen.schema.convert.field_access import ABSENT
from meshgen.schema.convert.readers import LEFT_TO_THE_CLASS, Reader, when_absent
from meshgen.schema.convert.set_elements import SETS
from meshgen.schema.model import CONTAINERS, Field, ListOf, MapOf, Record, Ref, Scalar, Tensor, Type
from meshgen.schema.relate.union_members import spread
from meshgen.schema.traits import without_none

_TRUE_WHEN_THERE = frozenset({"str", "int", "int32", "float", "float32"})
"""Kinds whose values are there unless they are as an absent one reads: then protobuf has to be asked."""


@dataclass(frozen=True, slots=True)
class Part:
    """How a field of the message `m` is read."""

    name: str
    """The name of the field."""
    read: str
    """Expression of the value."""
    given: str = ""
    """Expression: whether it was sent; empty when absence is a value of its own, as for lists."""
    absent: Any = None
    """What `when_absent` says."""


class FastDecoding:
    """Compiles readers for the messages of one service."""

    def __init__(self, general: Decoding, *, rules: bool = False) -> None:
        """Args: what reads everything that is not common, and whether it checks rules."""
        self.functions = CompiledFunctions()
        self._general = general
        self._rules = rules
        self._records: dict[Record, str] = {}

    def fields(self, fields: tuple[Field, ...]) -> Reader:
        """Message → dict of the fields' values, as `Decoding.fields` reads it."""
        parts = [self.part(f, None) for f in fields]
        return self.functions.define("m", with_getter(self.mapping(parts)), "reader of fields")

    def value(self, field: Field) -> Reader:
        """Message → value of its only field."""
        lines = with_getter(self.single([self.part(field, None)]))
        return self.functions.define("m", lines, f"reader of {field.name}")

    def record(self, record: Record) -> Reader:
        """Message → value of the record, as `Decoding.record` reads it."""
        name = self._record(record)
        return self.functions.define("m", [f"return {name}(m)"], f"reader of {record}")

    def is_common(self, record: Record) -> bool:
        """Whether values of the record are made by lines."""
        # pydantic collects every broken rule there is: the general reader looks for too many of them first.
        held = record.kind == "pydantic" and any(isinstance(f.type, ListOf | MapOf) for f in record.fields)
        return not (held and self._rules) and all(is_plain_name(f.name) for f in record.fields)

    def _record(self, record: Record) -> str:
        """The name of the record's function, which may be compiled later, as records hold themselves."""
        if record not in self._records:
            self._records[record] = name = self.functions.reserve()
            if self.is_common(record):
                lines = self.constructing(record, [self.part(f, record) for f in record.fields])
                self.functions.define("m", with_getter(lines), f"reader of {record}", name)
            else:
                self.functions.assign(name, self._general.record(record))
        return self._records[record]

    def mapping(self, parts: Sequence[Part]) -> list[str]:
        """Lines that return a dict of the fields' values."""
        return [*_required(parts), "return {", *indented([f"{p.name!r}: {self._value(p)}," for p in parts]), "}"]

    def single(self, parts: Sequence[Part]) -> list[str]:
        """Lines that return the value of the only field."""
        return [*_required(parts), f"return {self._value(parts[0])}"]

    def constructing(self, record: Record, parts: Sequence[Part]) -> list[str]:
        """Lines that return a value of the record."""
        left = [p for p in parts if p.absent is LEFT_TO_THE_CLASS]
        if not left:
            return [*_required(parts), f"return {self._made(record, parts)}"]
        all_given = " and ".join(p.given for p in left)
        there = [p for p in parts if p not in left]
        lines = [*_required(parts), f"if {all_given}:", f"    return {self._made(record, parts)}"]
        lines += ["given = {", *indented([f"{p.name!r}: {self._value(p)}," for p in there]), "}"]
        for part in left:
            lines += [f"if {part.given}:", f"    given[{part.name!r}] = {part.read}"]
        return [*lines, f"return {self.functions.refer(record.construct)}(given)"]

    def _made(self, record: Record, parts: Sequence[Part]) -> str:
        """Expression of a value of the record, as `Record.construct` makes it."""
        values = [(p.name, p.read if p.absent is LEFT_TO_THE_CLASS else self._value(p)) for p in parts]
        entries = ", ".join(f"{name!r}: {value}" for name, value in values)
        match record.kind:
            case "tuple":
                return f"({''.join(f'{value}, ' for _, value in values)})"
            case "pydantic":
                validate = self.functions.refer(record.python.model_validate)
                return f"{validate}({{{entries}}}, by_alias=False, by_name=True)"
            case "typeddict":
                return f"{{{entries}}}"
            case _:
                keywords = ", ".join(f"{name}={value}" for name, value in values)
                return f"{self.functions.refer(record.python)}({keywords})"

    def _value(self, part: Part) -> str:
        if not part.given or part.absent is None:
            return part.read
        return f"({part.read} if {part.given} else {self.functions.refer(part.absent)}())"

    def part(self, field: Field, record: Record | None) -> Part:
        """How a field of the message is read."""
        type_ = field.type
        there = field_of("m", field_name(field.name))
        match type_:
            case ListOf(item=item, container=container):
                if container in SETS:
                    return Part(field.name, f"{self.functions.refer(self._general.field(field))}(m)")
                return Part(field.name, self._listed(there, item, container))
            case MapOf(value=value):
                entries = f"{{e.key: e.value for e in {there}}}"
                element = self._element("e", value)
                return Part(
                    field.name, entries if element == "e" else f"{{k: {element} for k, e in {entries}.items()}}"
                )
            case _:
                return self._singular(field, there, when_absent(field, record))

    def _singular(self, field: Field, there: str, absent: Any) -> Part:
        wire, type_ = field_name(field.name), field.type
        item = without_none(type_)
        if spread(type_) is not None:
            read, absence = self.functions.refer(self._general.field(field)), self.functions.refer(ABSENT)
            held = self.functions.reserve()  # a local variable, as it is set in the function
            return Part(field.name, held, f"({held} := {read}(m)) is not {absence}", absent)
        if isinstance(item, Tensor):
            read, held = self.functions.refer(self._general.tensor(item)), self.functions.reserve()
            whole = f"{held}[0] if len({held}) == 1 else {self.functions.refer(merged)}({held})"
            return Part(field.name, f"{read}({whole})", f"({held} := {there})", absent)
        if isinstance(item, Scalar) and item.kind in _TRUE_WHEN_THERE:
            held = self.functions.reserve()
            return Part(field.name, held, f"(({held} := {there}) or h({wire!r}))", absent)
        return Part(field.name, self._element(there, item), f"h({wire!r})", absent)

    def _listed(self, there: str, item: Type, container: str) -> str:
        element = self._item("e", item)
        build = CONTAINERS[container].__name__
        if element == "e" and container == "list":
            held = self.functions.reserve()
            return f"({held}[:] if len({held} := {there}) <= {PIECE} else {self.functions.refer(listed)}({held}))"
        if element == "e":
            return f"{build}({self.functions.refer(elements_of)}({there}))"
        every = f"[{element} for e in {there}]"
        return every if container == "list" else f"{build}({every})"

    def _item(self, value: str, type_: Type) -> str:
        if isinstance(type_, Tensor):
            return f"{self.functions.refer(self._general.tensor(type_))}({value})"
        return self._element(value, type_)

    def _element(self, value: str, type_: Type) -> str:
        match type_:
            case Record() | Ref():
                return f"{self._record(type_.record)}({value})"
            case _:
                element = self._general.element(type_)
                return value if element is None else f"{self.functions.refer(element)}({value})"


def _required(parts: Sequence[Part]) -> list[str]:
    needed = [p.given for p in parts if p.given and p.absent is None]
    return [f"if not ({' and '.join(needed)}):", "    raise Unusual"] if needed else []


def with_getter(lines: list[str]) -> list[str]:
    """The lines, which may ask by `h` whether a field of the message `m` was sent."""
    return ["h = m.HasField", *lines] if any("h(" in line for line in lines) else lines
