"""Which types can be the items of a set, for Python and for the contract."""

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
from meshgen.schema.values.kind import Text
from meshgen.schema.values.well_known import KINDS


def is_comparable(item: Type) -> bool:
    """Whether the contract's validators can tell two of them apart: scalars, enums and text, not messages."""
    if isinstance(item, WellKnown):
        return isinstance(KINDS[item.kind].wire, Text)
    return isinstance(item, Scalar | Choice | EnumOf)


def can_be_in_set(type_: Type) -> bool:
    """Whether Python can hash the values."""
    match type_:
        case Scalar() | WellKnown() | Choice() | EnumOf():
            return True
        case Optional(item=item):
            return can_be_in_set(item)
        case ListOf(item=item, container=container):
            return container in ("tuple", "frozenset") and can_be_in_set(item)
        case Record(kind="tuple", fields=fields):
            return all(can_be_in_set(f.type) for f in fields)
        case Record(python=python) | Ref(python=python):
            return getattr(python, "__hash__", None) is not None
        case Union(members=members):
            return all(map(can_be_in_set, members))
        case AnyValue() | Nothing() | Unknown() | MapOf() | Image() | Tensor():
            return False
        case _:
            assert_never(type_)
