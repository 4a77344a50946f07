"""Which types hold values of any depth. Everything else is as deep as its type, and no limit can be met."""

from __future__ import annotations

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

DEEPEST = 100
"""How many messages may be in each other, by protobuf."""


def is_deep(type_: Type) -> bool:
    """Whether values on the wire may be nested without end: records inside themselves, and `Any`."""
    match type_:
        case AnyValue() | Ref():
            return True
        case Optional(item=item) | ListOf(item=item) | MapOf(value=item):
            return is_deep(item)
        case Union(members=members):
            return any(map(is_deep, members))
        case Record(fields=fields):
            return any(is_deep(f.type) for f in fields)
        case Scalar() | WellKnown() | Nothing() | Unknown() | Choice() | EnumOf() | Image() | Tensor():
            return False
        case _:
            assert_never(type_)
