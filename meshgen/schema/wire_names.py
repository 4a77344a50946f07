"""Names on the wire: those of fields, and types as parts of names.

A field has the name of Python in JSON, and in snake case in the contract, where it has the other as its `json_name`.
Protobuf's readers of JSON take both.

Protobuf has no list of lists, no optional list, and no list, map or union inside a list or map. Each becomes a message
named after what it holds: `IntList`, `StrFloatMap`, `OptionalInt`, `CircleOrSquare`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import assert_never

from meshgen.errors import InternalError
from meshgen.naming import field_name, pascal, snake
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


def wire_spelling(field: Field, names: Collection[str]) -> str:
    """How the contract spells a field, unless another of the fields of these names is called so in Python."""
    wire = field_name(field.name)
    return field.name if wire in names else wire


def member_name(member: Type, field: str = "") -> str:
    """The name of a union's member: `circle` in a message of its own, `shape_circle` for a field `shape`.

    With the field's name in the contract it is the member's name in the contract, with that in JSON the one in JSON.
    """
    own = snake(element_name(member))
    return f"{field}_{own}" if field else own
