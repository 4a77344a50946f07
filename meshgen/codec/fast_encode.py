"""Fast writers of messages, without calls for each field. They write what `Encoding` would, byte for byte, or raise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshgen.codec.encode import Encoding, Fill
from meshgen.codec.pieces import PIECE, are_all, extend
from meshgen.codec.pycode import CompiledFunctions, field_of, indented, is_plain_name, set_field
from meshgen.naming import field_name
from meshgen.schema.convert.extra_fields import extra_fields_check
from meshgen.schema.convert.set_elements import SETS
from meshgen.schema.model import (
    SCALARS,
    AnyValue,
    Field,
    ListOf,
    MapOf,
    Optional,
    Record,
    Ref,
    Scalar,
    ScalarKind,
    Tensor,
    Type,
)
from meshgen.schema.relate.defaults import none_is_lost
from meshgen.schema.relate.union_members import spread
from meshgen.schema.values.scalars import TO_SCALAR

CLASSES: Mapping[ScalarKind, type[Any]] = {
    kind: cls for kind, cls in SCALARS.items() if kind in ("int", "int32", "float", "str", "bool")
}
"""Python's class for the values of a kind that protobuf takes as they are, and checks as strictly as we would."""


class FastEncoding:
    """Compiles writers for the messages of one service."""

    def __init__(self, general: Encoding) -> None:
        """Args: what writes everything that is not common, or not a matter of a few lines."""
        self.functions = CompiledFunctions()
        self._general = general
        self._records: dict[Record, str] = {}

    def fields(self, fields: tuple[Field, ...]) -> Fill:
        """Puts a mapping into a message, as `Encoding.fields` does."""
        lines = ["n = len(v)"]
        for field in fields:
            given = [f"x = v[{field.name!r}]", *self.field(field)]
            if field.required:
                lines += given
                continue
            lines += [f"if {field.name!r} in v:", *indented(given), "else:", "    n += 1"]
            if isinstance(field.type, ListOf | MapOf) and field.has_default:
                lines += indented([f"x = {self.functions.refer(field.make_default)}()", *self.field(field)])
        lines += [f"if n != {len(fields)}:", "    raise Unusual"]
        return self.functions.define("m, v", lines, "writer of arguments")

    def value(self, field: Field) -> Fill:
        """Puts the value of a message's only field into it."""
        return self.functions.define("m, x", self.field(field), f"writer of {field.name}")

    def record(self, record: Record) -> Fill:
        """Puts a value of the record into a message, as `Encoding.record` does."""
        name = self._record(record)
        return self.functions.define("m, v", [f"{name}(m, v)"], f"writer of {record}")

    def _record(self, record: Record) -> str:
        """The name of the record's function, which may be compiled later, as records hold themselves."""
        if record not in self._records:
            self._records[record] = name = self.functions.reserve()
            general = self._general.record(record)
            general_when = uncommon(record, self.functions)
            if general_when is None:
                self.functions.assign(name, general)
                return name
            lines = [f"if {general_when}:", f"    {self.functions.refer(general)}(m, v)", "    return"]
            for index, field in enumerate(record.fields):
                lines += [f"x = {got(record, field, index)}", *self.field(field)]
            self.functions.define("m, v", lines, f"writer of {record}", name)
        return self._records[record]

    def field(self, field: Field) -> list[str]:
        """Lines that put `x` into the message `m`."""
        wire, type_ = field_name(field.name), field.type
        if field.omitted or spread(type_) is not None or type_ == Optional(AnyValue()):
            return [f"{self.functions.refer(self._general.field(field))}(m, x)"]
        match type_:
            case Optional(item=item):
                absent = ["else:", "    raise Unusual"] if none_is_lost(field) else []
                return ["if x is not None:", *indented(self._singular(wire, item)), *absent]
            case ListOf(item=item, container=container) if container not in SETS:
                return self._unless_unusual(field, self._repeated(wire, item))
            case ListOf():
                return self._unless_unusual(field, [])
            case MapOf():
                return self._unless_unusual(field, self._map(wire, type_))
            case _:
                return self._singular(wire, type_)

    def _unless_unusual(self, field: Field, written: list[str]) -> list[str]:
        """The lines for what is common (the first says when it is), and the general writer for all else."""
        general = f"{self.functions.refer(self._general.field(field))}(m, x)"
        return [f"if {written[0]}:", *indented(written[1:]), "else:", f"    {general}"] if written else [general]

    def _singular(self, wire: str, type_: Type) -> list[str]:
        match type_:
            case Scalar(kind="bool"):
                to_bool = self.functions.refer(TO_SCALAR["bool"])
                return [set_field(wire, f"x if x is True or x is False else {to_bool}(x)")]
            case Scalar(kind=kind) if kind in CLASSES:
                convert = self.functions.refer(TO_SCALAR[kind])
                return [set_field(wire, f"x if type(x) is {CLASSES[kind].__name__} else {convert}(x)")]
            case Record() | Ref():
                name = self._record(type_.record)
                return [f"s = {field_of('m', wire)}", "s.SetInParent()", f"{name}(s, x)"]
            case Tensor():
                return [f"{field_of('m', wire)}.append({self.functions.refer(self._general.tensor(type_))}(x))"]
            case _:
                scalar = self._general.scalar(type_)
                if scalar is not None:
                    return [set_field(wire, f"{self.functions.refer(scalar)}(x)")]
                return [f"{self.functions.refer(self._general.singular(wire, type_))}(m, x)"]

    def _map(self, wire: str, type_: MapOf) -> list[str]:
        """As `_repeated`: the entries of a dict in their order."""
        common = ["type(x) is dict", f"{self._classes(type_.key.kind)}.issuperset(map(type, x))"]
        match type_.value:
            case Scalar(kind=kind) if kind in CLASSES:
                common.append(f"{self._classes(kind)}.issuperset(map(type, x.values()))")
                put = ["w.value = e"]
            case Record() | Ref():
                put = ["s = w.value", "s.SetInParent()", f"{self._record(type_.value.record)}(s, e)"]
            case _:
                return []
        each = ["w = add()", "w.key = k", *put]
        return [" and ".join(common), f"add = {field_of('m', wire)}.add", "for k, e in x.items():", *indented(each)]

    def _classes(self, kind: ScalarKind) -> str:
        """The name of the set of Python's class for a kind, against which the classes of many values are held."""
        return self.functions.refer(frozenset({CLASSES[kind]}))

    def _repeated(self, wire: str, item: Type) -> list[str]:
        """When it is common, and the lines for it; nothing when there is no fast way."""
        listed = "type(x) is list or type(x) is tuple"
        match item:
            case Scalar(kind=kind) if kind in CLASSES:
                all_of = f"{self.functions.refer(are_all)}(x, {self._classes(kind)})"
                few = f"len(x) <= {PIECE}"
                common = f"({listed}) and ({self._classes(kind)}.issuperset(map(type, x)) if {few} else {all_of})"
                put = f"{field_of('m', wire)}.extend(x) if {few}"
                return [common, f"{put} else {self.functions.refer(extend)}({field_of('m', wire)}, x)"]
            case Record() | Ref():
                name = self._record(item.record)
                return [listed, f"add = {field_of('m', wire)}.add", "for e in x:", f"    {name}(add(), e)"]
            case _:
                convert = self._general.element(item)
                if convert is None:
                    return []
                converted = f"[{self.functions.refer(convert)}(e) for e in x]"
                return [listed, f"{self.functions.refer(extend)}({field_of('m', wire)}, {converted})"]


def uncommon(record: Record, functions: CompiledFunctions) -> str | None:
    """When a value `v` is not a common one of the record; None when none are."""
    count = len(record.fields)
    match record.kind:
        case "tuple":
            return f"type(v) is not tuple or len(v) != {count}"
        case "typeddict":
            omitted = any(f.omitted for f in record.fields)
            return None if omitted else f"type(v) is not dict or len(v) != {count}"
        case _:
            whole, _ = extra_fields_check(record)
            plain = all(is_plain_name(f.name) for f in record.fields)
            return f"type(v) is not {functions.refer(whole)}" if whole is not None and plain else None


def got(record: Record, field: Field, index: int) -> str:
    """Expression of a field of the value `v`."""
    match record.kind:
        case "tuple":
            return f"v[{index}]"
        case "typeddict":
            return f"v[{field.name!r}]"
        case _:
            return f"v.{field.name}"
