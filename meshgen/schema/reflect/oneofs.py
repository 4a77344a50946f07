"""`A | B`: which members can be one oneof, so that the wire and Python both tell them apart."""

from __future__ import annotations

import itertools
import typing
from typing import Any, assert_never

from meshgen.naming import json_name
from meshgen.schema.classes import kind_of
from meshgen.schema.model import (
    SCALARS,
    AnyValue,
    Choice,
    EnumOf,
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
from meshgen.schema.reflect.records import raw_fields
from meshgen.schema.unsupported import Refused
from meshgen.schema.values.well_known import KINDS
from meshgen.schema.wire_names import member_name

_ONE_EACH = "Make each a record of its own (a dataclass)."


def union(annotation: Any, items: list[Type]) -> Type:
    """The type of `A | B | …`: members flattened and merged, in the order of their names on the wire.

    Raises:
        Refused: two members cannot be told apart.
    """
    optional = any(isinstance(i, Optional | Nothing) for i in items)
    members = _merged([m for i in items for m in _flat(i)])
    if not members:
        return Nothing()
    if len(members) > 1:
        for one, other in itertools.combinations(members, 2):
            _check(annotation, one, other)
        result: Type = Union(tuple(sorted(members, key=member_name)))
    else:
        result = members[0]
    return Optional(result) if optional else result


def _flat(item: Type) -> list[Type]:
    match item:
        case Nothing():
            return []
        case Optional(item=inner):
            return _flat(inner)
        case Union(members=members):
            return list(members)
        case _:
            return [item]


def _merged(members: list[Type]) -> list[Type]:
    """Each type once; Literals of one kind become one, and are part of a `str` or `int` beside them."""
    scalars = {m.kind for m in members if isinstance(m, Scalar) and not m.rules}
    merged: list[Type] = []
    for member in members:
        if isinstance(member, Choice):
            same = next((m for m in merged if isinstance(m, Choice) and m.scalar == member.scalar), None)
            if member.scalar.kind in scalars:
                continue
            if same is not None:
                values: Any = tuple(dict.fromkeys((*same.values, *member.values)))
                merged[merged.index(same)] = Choice(values)
                continue
        if not any(m == member and getattr(m, "rules", None) == getattr(member, "rules", None) for m in merged):
            merged.append(member)
    return merged


def _check(annotation: Any, one: Type, other: Type) -> None:
    if isinstance(one, AnyValue) or isinstance(other, AnyValue):
        raise Refused(annotation, "has Any among its members, which takes every value", "Write `Any` alone.")
    if json_name(member_name(one)) == json_name(member_name(other)):
        reason = f"has two members called `{member_name(one)}` on the wire ({one}, {other})"
        raise Refused(annotation, reason, "Keep one of them, or make each a record of its own (a dataclass).")
    if not apart(one, other):
        both = f"{one} and {other}" if str(one) != str(other) else f"both are {one}"
        raise Refused(annotation, f"has members that Python cannot tell apart ({both})", _ONE_EACH)


def apart(one: Type, other: Type) -> bool:
    """Whether no Python value could be meant as either. An empty list or dict may be either: both read it alike."""
    match one, other:
        case (Ref() | Record(), Ref() | Record()):
            return _records_apart(one, other)
        case ListOf(container=a, item=item), ListOf(container=b, item=inner):
            return a != b or apart(item, inner)
        case MapOf(key=k, value=value), MapOf(key=m, value=inner):
            return k != m or apart(value, inner)
        case Optional(), Optional():
            return apart(one.item, other.item)
        case Optional(item=item), _:
            return apart(item, other)
        case _, Optional(item=item):
            return apart(one, item)
        case Union(members=members), _:
            return all(apart(m, other) for m in members)
        case _, Union(members=members):
            return all(apart(one, m) for m in members)
        case AnyValue(), _:
            return False
        case _, AnyValue():
            return False
        case _:
            return not _python(one) & _python(other)


def _python(type_: Type) -> set[Any]:
    """What a value of this type is in Python, as far as it matters to tell it from others."""
    match type_:
        case Scalar(kind=kind):
            return {SCALARS[kind]}
        case Choice():
            return {SCALARS[type_.scalar.kind]}
        case WellKnown(kind=kind):
            return {KINDS[kind].python}
        case EnumOf(python=python) | ListOf(python=python) | MapOf(python=python):
            return {python}
        case Record(python=python) | Ref(python=python):
            return {dict} if kind_of(python) == "typeddict" else {python}
        case Image():
            return {"Image"}
        case Tensor(library=library):
            return {library}
        case AnyValue() | Nothing() | Unknown() | Optional() | Union():  # compared by what is in them, or not at all
            return set()
        case _:
            assert_never(type_)


def _records_apart(one: Record | Ref, other: Record | Ref) -> bool:
    if isinstance(one, Record) and isinstance(other, Record) and one.kind == other.kind == "tuple":
        pairs = list(zip(one.fields, other.fields, strict=False))
        return len(one.fields) != len(other.fields) or any(apart(a.type, b.type) for a, b in pairs)
    if kind_of(one.python) == "typeddict" and kind_of(other.python) == "typeddict":
        return _keys_apart(one.python, other.python)
    if one.python is other.python and one.args:
        return any(apart(a, b) for a, b in zip(one.args, other.args, strict=True))
    return not _python(one) & _python(other)


def _keys_apart(one: Any, other: Any) -> bool:
    """Each has a required key that the other lacks, or both have one with different Literals in it."""
    ones, others = _required(one), _required(other)
    if ones.keys() - other.__annotations__.keys() and others.keys() - one.__annotations__.keys():
        return True
    return any(
        typing.get_origin(ones[key]) is typing.get_origin(others[key]) is typing.Literal
        and not set(typing.get_args(ones[key])) & set(typing.get_args(others[key]))
        for key in ones.keys() & others.keys()
    )


def _required(python: Any) -> dict[str, Any]:
    return {raw.name: raw.annotation for raw in raw_fields(python, "typeddict") if not raw.omitted}
