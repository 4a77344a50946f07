"""Types as parts of names on the wire: messages that hold what a field cannot, and the members of a union.

Protobuf has no list of lists, no optional list, and no list, map or union inside a list or map. Each becomes a message
named after what it holds: `IntList`, `StrFloatMap`, `OptionalInt`, `CircleOrSquare`.
"""

from __future__ import annotations

from typing import assert_never

from meshgen.errors import InternalError
from meshgen.naming import pascal, snake
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

UNION_FIELD = "value"
"""The oneof of a message that holds a union."""


def element_name(type_: Type) -> str:
    """A type as part of a message's name, in PascalCase."""
    match type_:
        case Scalar(kind=kind) | WellKnown(kind=kind):
            return kind.capitalize()
        case Choice():
            return element_name(type_.scalar)
        case AnyValue():
            return "Any"
        case EnumOf(name=name) | Record(name=name) | Ref(name=name):
            return pascal(name)
        case Image() | Tensor():
            return type(type_).__name__
        case ListOf(item=item):
            return f"{element_name(item)}List"
        case MapOf(key=key, value=value):
            return f"{element_name(key)}{element_name(value)}Map"
        case Optional(item=item):
            return f"Optional{element_name(item)}"
        case Union(members=members):
            return "Or".join(sorted(map(element_name, members)))
        case Nothing() | Unknown():
            raise InternalError(f"no wire type for {type_}")
        case _:
            assert_never(type_)


def member_name(member: Type, field: str = "") -> str:
    """The wire name of a union's member: `circle` in a message of its own, `shape_circle` for a field `shape`."""
    own = snake(element_name(member))
    return f"{field}_{own}" if field else own
