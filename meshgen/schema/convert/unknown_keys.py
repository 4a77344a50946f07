"""Keys of a JSON object that no field has: where they are, and what may have been meant."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, TypeAlias, assert_never

from meshgen.naming import LIST_FIELD, OPTIONAL_FIELD, snake
from meshgen.schema.misfit import path_below, subscript
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
from meshgen.schema.values import picture, tensor
from meshgen.schema.values.kind import Message
from meshgen.schema.values.well_known import KINDS
from meshgen.schema.wire_names import member_name, wire_spelling

_MOST_NAMED = 5
"""The keys that an error names."""

_LONGEST = 200
"""Characters of a path that are shown."""
_LIKENESS = 0.7
"""How much of a key has to be in another one that may be meant."""


@dataclass(frozen=True, slots=True)
class UnknownKey:
    """A key that the contract does not know."""

    path: str
    meant: tuple[str, ...] = ()
    """The keys that may have been meant: those of the members, where it is the name of a union."""

    def under(self, prefix: str) -> UnknownKey:
        """The same as seen from the holder of the object."""
        return UnknownKey(path_below(prefix, self.path), self.meant)

    def __str__(self) -> str:
        meant = " or ".join(map(repr, self.meant))
        path = self.path if len(self.path) <= _LONGEST else f"{self.path[:_LONGEST]}…"
        return f"{path!r} (did you mean {meant}?)" if meant else repr(path)


Find: TypeAlias = Callable[[Any], Iterator[UnknownKey]]
"""Finds the unknown keys inside a value."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A key that is known."""

    name: str
    other: str
    """The other way to spell it; the name itself when there is none."""
    find: Find
    union: str = ""
    """The name of the union whose member it is."""


def unknown_keys(fields: Iterable[Field], value: Any) -> Iterator[UnknownKey]:
    """The keys of an object, and of all objects in it, that no field has. What is of another shape is left alone."""
    return _in_object(_rows(tuple(fields)), value)


def in_words(fields: Iterable[Field], value: Any) -> str:
    """What an error says of keys that nobody knows; empty when there are none."""
    try:
        found = list(islice(unknown_keys(fields, value), _MOST_NAMED + 1))
    except RecursionError:
        return ""
    named = ", ".join(map(str, found[:_MOST_NAMED]))
    return f"; not in the contract: {named}{', …' if len(found) > _MOST_NAMED else ''}" if found else ""


def _in_object(rows: Iterable[_Row], value: Any) -> Iterator[UnknownKey]:
    if not isinstance(value, dict):
        return
    rows = tuple(rows)
    known = {spelling: row for row in rows for spelling in (row.name, row.other)}
    for key, item in value.items():
        row = known.get(key)
        if row is None:
            yield UnknownKey(key, _meant(key, [row for row in rows if not {row.name, row.other} & value.keys()]))
        elif item is not None:
            yield from (found.under(row.name) for found in row.find(item))


def _meant(key: str, free: list[_Row]) -> tuple[str, ...]:
    """The keys that are not given and look like this one."""
    import difflib  # slow to import, and only asked for when something is wrong

    members = tuple(row.name for row in free if row.union == key)
    alike = [row.name for row in free if snake(row.name) == snake(key)]
    return members or tuple(alike or difflib.get_close_matches(key, [row.name for row in free], n=1, cutoff=_LIKENESS))


def _rows(fields: tuple[Field, ...]) -> Iterator[_Row]:
    names = {f.name for f in fields}
    for field in fields:
        wire, union = wire_spelling(field, names), spread(field.type)
        if union is None:
            yield _Row(field.name, wire, partial(_inside, field.type))
        else:
            yield from _members(union, field.name, wire)


def _members(union: Union, field: str = "", wire: str = "") -> Iterator[_Row]:
    for member in union.members:
        find = partial(_in_element, member)
        yield _Row(member_name(member, field), member_name(member, wire), find, field)


def _inside(type_: Type, value: Any) -> Iterator[UnknownKey]:
    """Unknown keys inside the value of a field."""
    match type_:
        case Optional(item=item):
            yield from _in_element(item, value)
        case ListOf(item=item):
            for index, element in enumerate(value) if isinstance(value, list) else ():
                yield from (found.under(f"[{index}]") for found in _in_element(item, element))
        case MapOf(value=item):
            for key, element in value.items() if isinstance(value, dict) else ():
                yield from (found.under(subscript(key)) for found in _in_element(item, element))
        case _:
            yield from _in_element(type_, value)


def _in_element(type_: Type, value: Any) -> Iterator[UnknownKey]:
    match type_:
        case Record() | Ref():
            yield from _in_object(_rows(type_.record.fields), value)
        case Union():
            yield from _in_union(type_, value)
        case WellKnown(kind=kind):
            form = KINDS[kind].json
            yield from _in_object(map(_leaf, form.names), value) if isinstance(form, Message) else ()
        case Image():
            yield from _in_object(_rows(picture.PARTS), value)
        case Tensor():
            yield from _in_object(_rows(tensor.PARTS), value)
        case ListOf() | MapOf():
            yield from _in_object([_holder(LIST_FIELD, type_)], value)
        case Optional():
            yield from _in_object([_holder(OPTIONAL_FIELD, type_)], value)
        case Scalar() | AnyValue() | Nothing() | Unknown() | Choice() | EnumOf():
            return
        case _:
            assert_never(type_)


def _in_union(union: Union, value: Any) -> Iterator[UnknownKey]:
    """Of a value that was sent without the name of its member, the member that has its keys is what was meant."""
    rows = tuple(_members(union))
    alike = [row.name for row, member in zip(rows, union.members, strict=True) if _could_be(member, value)]
    for found in _in_object(rows, value):
        yield UnknownKey(found.path, (f"{alike[0]}.{found.path}",)) if len(alike) == 1 else found


def _could_be(member: Type, value: Any) -> bool:
    """Whether an object has a record's keys, and what its Literals take: a tag tells members apart."""
    if not isinstance(member, Record | Ref) or not isinstance(value, Mapping):
        return False
    fields = {f.name: f.type for f in member.record.fields}
    tags = {name: type_.values for name, type_ in fields.items() if isinstance(type_, Choice)}
    return value.keys() <= fields.keys() and all(value[name] in tags[name] for name in value.keys() & tags.keys())


def _holder(name: str, type_: Type) -> _Row:
    return _Row(name, name, partial(_inside, type_))


def _leaf(name: str) -> _Row:
    return _Row(name, name, lambda _: iter(()))
