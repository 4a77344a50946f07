"""Which member of a union a Python value is of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, assert_never
from uuid import UUID

from meshgen.schema.compat import holds
from meshgen.schema.fit import EncodeError, describe
from meshgen.schema.model import (
    CONTAINERS,
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
from meshgen.schema.scalars import TO_SCALAR

_SCALARS: Mapping[str, type[Any]] = {
    "bool": bool,
    "int": int,
    "int32": int,
    "float": float,
    "float32": float,
    "str": str,
    "bytes": bytes,
}
_WELL_KNOWN: Mapping[str, type[Any]] = {
    "datetime": datetime,
    "timedelta": timedelta,
    "date": date,
    "Decimal": Decimal,
    "UUID": UUID,
}


def spread(type_: Type) -> Union | None:
    """The union whose members become fields of the message that has a field of this type; None when there is none."""
    item = type_.item if isinstance(type_, Optional) else type_
    return item if isinstance(item, Union) else None


def member_chooser(union: Union) -> Callable[[Any], int]:
    """A function from a value to the index of the member that it is of; an EncodeError when it is of none.

    The value's own class decides; where several members have one class (`list[int] | list[str]`), or none has (a
    subclass, an int for a float), the first one that holds the value. An empty list is of the first list.
    """
    everyone = list(enumerate(union.members))
    by_class: dict[type[Any] | None, list[tuple[int, Type]]] = {}
    for index, member in everyone:
        by_class.setdefault(class_of(member), []).append((index, member))
    # A class alone says that a value is of its only member; what is inside is looked at where it is written.
    alone = {cls: rows[0][0] for cls, rows in by_class.items() if len(rows) == 1 and not isinstance(rows[0][1], Choice)}

    def choose(value: Any) -> int:
        cls = type(value)
        index = alone.get(cls, -1)
        if index < 0:
            index = _first(by_class.get(cls, []), value)
        if index < 0:
            index = _first(everyone, value)
        if index < 0:
            index = _number(everyone, value)
        if index < 0:
            raise EncodeError(f"must be {union}, got {describe(value)}")
        return index

    return choose


def class_of(member: Type) -> type[Any] | None:
    """The class of every value of this type, but for subclasses; None when there is no such class to import."""
    match member:
        case Scalar(kind=kind):
            return _SCALARS[kind]
        case WellKnown(kind=kind):
            return _WELL_KNOWN[kind]
        case Choice():
            return type(member.values[0])
        case EnumOf(python=python):
            return python
        case ListOf(container=container):
            return CONTAINERS[container]
        case MapOf() | Record(kind="typeddict"):
            return dict
        case Record(kind="tuple"):
            return tuple
        case Record(python=python):
            cls: type[Any] = python
            return cls
        case Ref():
            return class_of(member.record)
        case Image() | Tensor() | AnyValue() | Nothing() | Unknown() | Optional() | Union():
            return None
        case _:
            assert_never(member)


def _first(members: Sequence[tuple[int, Type]], value: Any) -> int:
    """The first that holds the value, -1 when none does."""
    held = [(index, member) for index, member in members if holds(value, member)]
    return next((i for i, member in held if _fields_hold(value, member)), held[0][0] if held else -1)


def _fields_hold(value: Any, member: Type) -> bool:
    """For members of one generic class: whether the fields are of its arguments."""
    record = member.record if isinstance(member, Ref) else member
    if not isinstance(record, Record) or not record.args:
        return True
    return all(holds(record.get(value, f.name), f.type) for f in record.fields)


def _number(members: Sequence[tuple[int, Type]], value: Any) -> int:
    """Numbers of numpy and torch, which are of no class of Python's."""
    for index, member in members:
        if isinstance(member, Scalar) and member.kind not in ("str", "bytes"):
            try:
                TO_SCALAR[member.kind](value)
            except EncodeError:
                continue
            return index
    return -1
