"""What a schema type becomes on the wire: one field's shape, and the messages that stand for what a field cannot hold.

Protobuf has no list of lists, no optional list, and no list or map inside a map. Each of these becomes a *wrapper*: a
message with one field, named after what it holds (`IntList`, `StrFloatMap`, `OptionalInt`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias, assert_never

from meshgen.errors import InternalError
from meshgen.naming import LIST_FIELD, OPTIONAL_FIELD, pascal
from meshgen.schema.model import (
    Choice,
    EnumOf,
    Image,
    ListOf,
    MapOf,
    Nothing,
    Optional,
    Record,
    Scalar,
    Tensor,
    Type,
    Unknown,
)
from meshgen.schema.names import element_name

PROTO_SCALAR = {"bool": "bool", "int": "int64", "float": "double", "str": "string", "bytes": "bytes"}
"""Scalar kind → protobuf type."""

IMAGE = "meshgen.image.v1.Image"
TENSOR = "meshgen.tensor.v1.Tensor"


@dataclass(frozen=True, slots=True)
class Wrapper:
    """A message that holds one list, map or optional value."""

    name: str
    inner: Type
    field: str
    """Name of its only field, number 1."""


Leaf: TypeAlias = Scalar | EnumOf | Record | Image | Tensor | Wrapper
"""What one element of a field can be."""


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


def shape(type_: Type) -> Shape:
    """The field that carries a value of this type."""
    match type_:
        case Optional(item=ListOf() | MapOf() as inner):
            return Single(leaf(inner))
        case Optional(item=inner):
            return Single(leaf(inner))
        case ListOf(item=inner):
            return Repeated(leaf(inner))
        case MapOf(key=key, value=inner):
            return Mapped(key, leaf(inner))
        case _:
            return Single(leaf(type_))


def leaf(type_: Type) -> Leaf:
    """The element that carries a value of this type inside a list, a map or a wrapper."""
    match type_:
        case Scalar() | EnumOf() | Record() | Image() | Tensor():
            return type_
        case Choice():
            return Scalar("str")
        case ListOf() | MapOf():
            return Wrapper(element_name(type_), type_, LIST_FIELD)
        case Optional():
            return Wrapper(element_name(type_), type_, OPTIONAL_FIELD)
        case Nothing() | Unknown():
            raise InternalError(f"no wire type for {type_}")
        case _:
            assert_never(type_)


def signature(type_: Type) -> str:
    """The wire type as the lock has it: `int64`, `repeated message Label`, `map<string, FloatList{repeated double}>`.

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
        case Record(name=name):
            return f"message {pascal(name)}"
        case Image():
            return f"message {IMAGE}"
        case Tensor():
            return f"message {TENSOR}"
        case Wrapper(name=name, inner=inner):
            return f"{name}{{{signature(inner)}}}"
