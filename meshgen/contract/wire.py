"""What a schema type becomes on the wire: a field's shape, and the messages that stand for what a field cannot hold.

Protobuf has no list of lists, no optional list, and no list, map or union inside a list or map. Each of these becomes
a *wrapper*: a message with one field or one oneof, named after what it holds (`IntList`, `OptionalInt`,
`CircleOrSquare`). A union as a field of its own needs no wrapper: its members become fields in a oneof.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, assert_never

from meshgen.errors import InternalError
from meshgen.naming import LIST_FIELD, OPTIONAL_FIELD, field_name, pascal
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
from meshgen.schema.values.kind import Message, Text
from meshgen.schema.values.well_known import KINDS
from meshgen.schema.wire_names import UNION_FIELD, element_name, member_name

PROTO_SCALAR = {
    "bool": "bool",
    "int": "int64",
    "float": "double",
    "str": "string",
    "bytes": "bytes",
    "int32": "int32",
    "float32": "float",
}
"""Scalar kind → protobuf type."""

IMAGE = "meshgen.image.v1.Image"
TENSOR = "meshgen.tensor.v1.Tensor"
VALUE = "google.protobuf.Value"


@dataclass(frozen=True, slots=True)
class WireField:
    """One field of a message: a Python field, or one member of a field that is a union."""

    name: str
    """Its name in the contract."""
    type: Type
    oneof: str = ""
    """The oneof that it is in; empty for a field by itself."""
    json: str = ""
    """Its name in JSON; empty when that is the same."""


@dataclass(frozen=True, slots=True)
class Wrapper:
    """A message that holds one list, map, optional value or union."""

    name: str
    inner: Type
    field: str
    """Name of its only field, number 1; for a union the name of its oneof."""

    @property
    def fields(self) -> tuple[WireField, ...]:
        """Its fields in the order of their numbers, from 1."""
        if isinstance(self.inner, Union):
            return _members(self.inner, self.field)
        return (WireField(self.field, self.inner),)


Leaf: TypeAlias = Scalar | WellKnown | AnyValue | EnumOf | Record | Ref | Image | Tensor | Wrapper
"""What one element of a field can be. A `WellKnown` is never of a kind that is text (`UUID`), which is a string."""


@dataclass(frozen=True, slots=True)
class Single:
    """A singular field; absence shows."""

    leaf: Leaf


@dataclass(frozen=True, slots=True)
class Repeated:
    """A repeated field."""

    leaf: Leaf


@dataclass(frozen=True, slots=True)
class Mapped:
    """A map field."""

    key: Scalar
    leaf: Leaf


Shape: TypeAlias = Single | Repeated | Mapped


def wire_fields(fields: Sequence[Field]) -> tuple[WireField, ...]:
    """The fields of a message that carries these: as they are, unions as their members."""
    return tuple(wire for field in fields for wire in wire_field(field))


def wire_field(field: Field) -> tuple[WireField, ...]:
    """What carries one field: itself, or the members of its union by name."""
    name = field_name(field.name)
    union = spread(field.type)
    if union is None:
        return (WireField(name, field.type, json=field.name),)
    return _members(union, name, prefix=name, json=field.name)


def _members(union: Union, oneof: str, prefix: str = "", json: str = "") -> tuple[WireField, ...]:
    members = [WireField(member_name(m, prefix), m, oneof, member_name(m, json)) for m in union.members]
    return tuple(sorted(members, key=lambda member: member.name))


def field_shape(field: WireField) -> Shape:
    """The shape of a field. In a oneof it is always singular."""
    return Single(leaf(field.type)) if field.oneof else shape(field.type)


def shape(type_: Type) -> Shape:
    """The shape of a field by itself that carries a value of this type."""
    match type_:
        case Optional(item=inner):
            return Single(leaf(inner))
        case ListOf(item=inner):
            return Repeated(leaf(inner))
        case MapOf(key=key, value=inner):
            return Mapped(key, leaf(inner))
        case _:
            return Single(leaf(type_))


def leaf(type_: Type) -> Leaf:
    """The element that carries a value of this type inside a list, a map, a oneof or a wrapper."""
    match type_:
        case WellKnown(kind=kind) if isinstance(KINDS[kind].wire, Text):
            return Scalar("str")
        case Scalar() | WellKnown() | AnyValue() | EnumOf() | Record() | Ref() | Image() | Tensor():
            return type_
        case Choice():
            return type_.scalar
        case ListOf() | MapOf():
            return Wrapper(element_name(type_), type_, LIST_FIELD)
        case Optional():
            return Wrapper(element_name(type_), type_, OPTIONAL_FIELD)
        case Union():
            return Wrapper(element_name(type_), type_, UNION_FIELD)
        case Nothing() | Unknown():
            raise InternalError(f"no wire type for {type_}")
        case _:
            assert_never(type_)


def field_signature(field: WireField) -> str:
    """The wire type of a field as the lock has it; in a oneof with the oneof: `oneof shape message Circle`."""
    if field.oneof:
        return f"oneof {field.oneof} {leaf_signature(leaf(field.type))}"
    return signature(field.type)


def signature(type_: Type) -> str:
    """The wire type of a value: `int64`, `repeated message Label`, `map<string, FloatList{repeated double}>`.

    Two types with the same signature read each other's bytes and JSON. Containers that differ in Python alone (list,
    set, tuple) have the same one.
    """
    match shape(type_):
        case Single(leaf=item):
            return leaf_signature(item)
        case Repeated(leaf=item):
            return f"repeated {leaf_signature(item)}"
        case Mapped(key=key, leaf=item):
            return f"map<{PROTO_SCALAR[key.kind]}, {leaf_signature(item)}>"


def leaf_signature(item: Leaf) -> str:
    """The wire type of one element."""
    match item:
        case Scalar(kind=kind):
            return PROTO_SCALAR[kind]
        case EnumOf(name=name):
            return f"enum {pascal(name)}"
        case Record(name=name) | Ref(name=name):
            return f"message {pascal(name)}"
        case WellKnown() | AnyValue() | Image() | Tensor():
            return f"message {standard_message(item)}"
        case Wrapper(name=name, inner=Union()):
            members = ", ".join(f"{f.name} {leaf_signature(leaf(f.type))}" for f in item.fields)
            return f"{name}{{{members}}}"
        case Wrapper(name=name, inner=inner):
            return f"{name}{{{signature(inner)}}}"
        case _:
            assert_never(item)


def standard_message(item: WellKnown | AnyValue | Image | Tensor) -> str:
    """The full name of a message that is the same in every contract."""
    match item:
        case WellKnown(kind=kind):
            message = KINDS[kind].wire
            assert isinstance(message, Message), "a kind that is text is no leaf"
            return message.name
        case AnyValue():
            return VALUE
        case Image():
            return IMAGE
        case Tensor():
            return TENSOR
