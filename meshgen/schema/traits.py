"""What many ask of a type: what is directly inside of it, everything that is in it, its rules, whether values nest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import assert_never

from meshgen.schema.model import (
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
from meshgen.schema.rules import NO_RULES, Rules
from meshgen.schema.unsupported import Home

DEEPEST = 100
"""How many messages may be in each other, by protobuf."""

_RECORDS, _ENDLESS = (Record, Ref), (AnyValue, Ref)


def parts(type_: Type) -> tuple[Type, ...]:
    """The types directly inside of a type. A `Ref` has none of its own: they are those of its record."""
    match type_:
        case Scalar() | WellKnown() | AnyValue() | Nothing() | Unknown() | Choice() | EnumOf() | Image() | Tensor():
            return ()
        case Optional(item=item) | ListOf(item=item):
            return (item,)
        case MapOf(key=key, value=value):
            return (key, value)
        case Union(members=members):
            return members
        case Record(fields=fields):
            return tuple(f.type for f in fields)
        case Ref():
            return ()
        case _:
            assert_never(type_)


def down_to_records(type_: Type) -> Iterator[Type]:
    """A type and what is inside of it, each before its parts; records are there, what is in them is not."""
    yield type_
    if not isinstance(type_, Record):
        for part in parts(type_):
            yield from down_to_records(part)


def all_inside(type_: Type) -> Iterator[Type]:
    """A type and everything inside of it, each before its parts. A record inside itself is not gone through again."""
    seen: set[int] = set()  # identities: to compare records is to compare all that is in them
    pending = [type_]
    while pending:
        inner = pending.pop()
        yield inner
        if isinstance(inner, _RECORDS):
            inner = inner.record
            if id(inner) in seen:
                continue
            seen.add(id(inner))
        if inside := parts(inner):
            pending += inside[::-1]


def is_deep(type_: Type) -> bool:
    """Whether values on the wire may be nested without end: records inside themselves, and `Any`.

    All others are as deep as their type, and no limit can be met.
    """
    return any(isinstance(inner, _ENDLESS) for inner in all_inside(type_))


def rules_of(type_: Type) -> Rules:
    """What a type asks of a value itself, not of what is inside of it."""
    match type_:
        case Scalar(rules=rules) | WellKnown(rules=rules) | ListOf(rules=rules) | MapOf(rules=rules):
            return rules
        case Optional() | Union() | Record() | Ref():
            return NO_RULES
        case AnyValue() | Nothing() | Unknown() | Choice() | EnumOf() | Image() | Tensor():
            return NO_RULES
        case _:
            assert_never(type_)


def without_none(type_: Type) -> Type:
    """`T` of `T | None`; any other type as it is."""
    return type_.item if isinstance(type_, Optional) else type_


@dataclass(frozen=True, slots=True)
class NoContract:
    """Why no message can have a type."""

    reason: str
    """What is to be said of what has the type."""
    hint: str
    """The way out; empty when there is no annotation, and who asks knows better what to write."""
    home: Home | None = None
    """The class that is at fault, if it is one."""


def no_contract(type_: Type) -> NoContract | None:
    """Why a type itself cannot travel, whatever is inside of it; None when it can."""
    match type_:
        case Unknown(annotation="", hint=hint):
            return NoContract("has no type annotation", hint)
        case Unknown(annotation=annotation, reason=reason, hint=hint, home=home):
            return NoContract(f"has the type {annotation}, which {reason or 'has no contract'}", hint, home)
        case Nothing():
            return NoContract("can only be None", "Leave it out, or give it a type.")
        case _:
            return None
