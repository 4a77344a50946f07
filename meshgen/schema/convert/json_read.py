"""JSON values → Python values by schema, as protobuf reads JSON. One closure per type."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import cache
from typing import Any, TypeAlias, assert_never

from meshgen.naming import LIST_FIELD, OPTIONAL_FIELD
from meshgen.schema.convert.field_access import ABSENT
from meshgen.schema.convert.json_scalars import MAP_KEYS, SCALARS, any_integer
from meshgen.schema.convert.readers import (
    Reader,
    entries_reader,
    held,
    list_reader,
    one_member,
    reader_of_fields,
    reader_of_record,
)
from meshgen.schema.misfit import MOST_PROBLEMS, Misfit, subscript
from meshgen.schema.model import SCALARS as CLASSES
from meshgen.schema.model import (
    AnyValue,
    Choice,
    EnumOf,
    Field,
    Image,
    ListOf,
    MapOf,
    Nothing,
    Optional,
    Record,
    Ref,
    Scalar,
    Tensor,
    Type,
    Union,
    Unknown,
    WellKnown,
)
from meshgen.schema.relate.union_members import spread
from meshgen.schema.values import any_value, picture, tensor
from meshgen.schema.values.kind import Kind, Text
from meshgen.schema.values.scalars import enum_names, number_of, one_of
from meshgen.schema.values.well_known import KINDS
from meshgen.schema.wire_names import member_name, wire_spelling

_Spellings: TypeAlias = tuple[str, str]
"""A key as Python has it, which is its name in JSON, and as the contract has it, which JSON may use as well."""


class JsonReading:
    """Compiles readers of JSON objects."""

    def __init__(self) -> None:
        self._records: dict[Record, list[Reader]] = {}

    def fields(self, fields: tuple[Field, ...]) -> Reader:
        """Object → dict of the fields' values."""
        names = {f.name for f in fields}
        return _of_object(reader_of_fields(fields, lambda field: self._field(field, names), rules=True))

    def record(self, record: Record) -> Reader:
        """Object → value of the record. Each record is compiled once, so that it may hold itself."""
        compiled = self._records.get(record)
        if compiled is None:
            compiled = self._records[record] = []
            names = {f.name for f in record.fields}
            compiled.append(_of_object(reader_of_record(record, lambda f: self._field(f, names), rules=True)))
        return compiled[0] if compiled else lambda value: compiled[0](value)  # noqa: PLW0108 - it is empty yet

    def _field(self, field: Field, names: Collection[str]) -> Reader:
        """Reads one of the fields that have these names."""
        wire, union = wire_spelling(field, names), spread(field.type)
        return self._member((field.name, wire), field.type) if union is None else self._oneof(union, field.name, wire)

    def _oneof(self, union: Union, field: str = "", wire: str = "") -> Reader:
        """Reads the one member that an object has; those of a union that is a `field` have its name in theirs."""
        rows: list[tuple[_Spellings, Reader]] = []
        for member in union.members:
            keys = (member_name(member, field), member_name(member, wire))
            rows.append((keys, held(keys[0], _present(keys, self._element(member)))))

        def read(source: dict[str, Any]) -> Any:
            given = [(keys[0], read) for keys, read in rows if any(source.get(key) is not None for key in keys)]
            if len(given) > 1:
                raise Misfit([(given[1][0], f"cannot come together with {given[0][0]}")])
            return given[0][1](source) if given else ABSENT

        return read

    def _member(self, keys: _Spellings, type_: Type) -> Reader:
        match type_:
            case AnyValue() | Optional(item=AnyValue()):
                return _present(keys, any_value.from_plain, null=True)
            case Optional(item=item):
                return _present(keys, self._element(item))
            case ListOf(item=AnyValue()):  # Envoy would read null as a list of it
                return _present(keys, _array_reader(list_reader(self._element(type_.item), type_.container)), null=True)
            case ListOf(item=item, container=container):
                return _present(keys, _array_reader(list_reader(self._element(item), container)))
            case MapOf():
                return _present(keys, self._map(type_))
            case _:
                return _present(keys, self._element(type_))

    def _element(self, type_: Type) -> Reader:  # noqa: C901 - one case per type
        match type_:
            case Scalar(kind=kind):
                return SCALARS[kind]
            case WellKnown(kind=kind):
                return _kind_reader(KINDS[kind])
            case AnyValue():
                return any_value.from_plain
            case Choice():
                return _choice_reader(type_)
            case EnumOf():
                return _enum_reader(type_)
            case Record() | Ref():
                return self.record(type_.record)
            case Union():
                return _of_object(one_member(type_, self._oneof(type_)))
            case Image():
                read_parts = self.fields(picture.PARTS)
                return lambda value: picture.image_from(read_parts(value))
            case Tensor():
                return self._tensor(type_)
            case ListOf() | MapOf():
                return _of_object(held(LIST_FIELD, self._or_empty(type_)))
            case Optional():
                return _of_object(held(OPTIONAL_FIELD, _or(self._member(_only(OPTIONAL_FIELD), type_), lambda: None)))
            case Nothing():
                return lambda _: None
            case Unknown():
                return lambda value: value
            case _:
                assert_never(type_)

    def _or_empty(self, type_: ListOf | MapOf) -> Reader:
        return _or(self._member(_only(LIST_FIELD), type_), type_.python)

    def _map(self, type_: MapOf) -> Reader:
        read_keys, read_entries = _keys_reader(MAP_KEYS[type_.key.kind]), entries_reader(self._element(type_.value))

        def read(value: Any) -> dict[Any, Any]:
            if not isinstance(value, dict):
                raise Misfit.here("must be an object")
            keys, problems = read_keys(value)
            try:
                entries = read_entries(value)
            except Misfit as misfit:
                raise Misfit(problems + misfit.problems) from None
            if problems:
                raise Misfit(problems)
            return dict(zip(keys, entries.values(), strict=True))

        return read

    def _tensor(self, type_: Tensor) -> Reader:
        def reader(field: Field) -> Reader:
            if field.name != tensor.WIDE:
                return self._field(field, ())
            return _present(_only(field.name), _array_reader(list_reader(any_integer, "list")))

        shown = f"must be an object: {tensor.example(type_.dtype or 'float32')}"
        read_parts = _of_object(reader_of_fields(tensor.PARTS, reader), shown)
        return lambda value: tensor.tensor_from(read_parts(value), type_)


def _keys_reader(read: Reader) -> Callable[[Iterable[str]], tuple[list[Any], list[tuple[str, str]]]]:
    """Reads the keys of an object as those of a map: the keys, and what is wrong with them."""

    def read_keys(written: Iterable[str]) -> tuple[list[Any], list[tuple[str, str]]]:
        keys: dict[Any, str] = {}
        problems: list[tuple[str, str]] = []
        for name in written:
            try:
                first = keys.setdefault(read(name), name)
            except Misfit as misfit:
                problems += misfit.under(subscript(name))
            else:
                if first is not name:
                    problems.append((subscript(name), f"is given twice, as {first!r} and {name!r}"))
            if len(problems) > MOST_PROBLEMS:
                break
        return list(keys), problems

    return read_keys


def _of_object(read: Reader, otherwise: str = "must be an object") -> Reader:
    def read_object(value: Any) -> Any:
        if not isinstance(value, dict):
            raise Misfit.here(otherwise)
        return read(value)

    return read_object


def _only(name: str) -> _Spellings:
    return name, name


def _present(keys: _Spellings, element: Reader, *, null: bool = False) -> Reader:
    """Reads one key of an object, which may be spelled in two ways; null is absence, or else a value."""
    name, other = keys
    nothing = ABSENT if null else None

    def read(source: dict[str, Any]) -> Any:
        value = source.get(name, nothing)
        if other != name and other in source:
            if name in source:
                raise Misfit.here(f"is given twice, as {name!r} and {other!r}")
            value = source[other]
        return ABSENT if value is nothing else element(value)

    return read


def _or(read: Reader, absent: Callable[[], Any]) -> Reader:
    def read_or(value: Any) -> Any:
        found = read(value)
        return absent() if found is ABSENT else found

    return read_or


def _array_reader(read: Reader) -> Reader:
    def read_array(value: Any) -> Any:
        if not isinstance(value, list):
            raise Misfit.here("must be an array")
        return read(value)

    return read_array


@cache
def _kind_reader(kind: Kind) -> Reader:
    """Reads a text, or an object of parts, each of which may be left out."""
    form = kind.json
    if isinstance(form, Text):
        return form.read
    scalars = dict(form.parts)
    fields = [Field(name=name, type=Scalar(scalar), factory=CLASSES[scalar]) for name, scalar in form.parts]
    read = _of_object(reader_of_fields(fields, lambda f: _present(_only(f.name), SCALARS[scalars[f.name]])))
    return lambda value: form.read(*read(value).values())


def _choice_reader(choice: Choice) -> Reader:
    read_scalar = SCALARS[choice.scalar.kind]

    def read(value: Any) -> Any:
        found = read_scalar(value)
        if found not in choice.values:
            raise Misfit.here(f"must be {one_of(choice.values)}")
        return found

    return read


def _enum_reader(enum: EnumOf) -> Reader:
    by_name: dict[str, Any] = {name: member for member, name in enum_names(enum).items()}
    by_number = {number: member for member in by_name.values() if (number := number_of(member)) is not None}
    expected = f"must be {one_of(tuple(by_name))}"

    def read(value: Any) -> Any:
        if isinstance(value, str) and value in by_name:
            return by_name[value]
        try:
            return by_number[any_integer(value)]
        except (Misfit, KeyError):
            raise Misfit.here(expected) from None

    return read
