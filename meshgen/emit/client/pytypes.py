"""Schema types as annotations that reflect to the same wire, and fields as names that Python code can have."""

from __future__ import annotations

import keyword
from collections.abc import Iterable, Iterator
from typing import assert_never

from meshgen.emit.output.pysource import Name, Parts, literal
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
from meshgen.schema.traits import parts
from meshgen.schema.values.kind import Kind
from meshgen.schema.values.well_known import KINDS

_ANNOTATED = Name("typing", "Annotated")
_SCALARS: dict[str, Parts] = {
    **{kind: (Name("builtins", kind),) for kind in ("bool", "int", "float", "str", "bytes")},
    "int32": (_ANNOTATED, "[", Name("builtins", "int"), ", ", Name("meshgen", "Int32"), "]"),
    "float32": (_ANNOTATED, "[", Name("builtins", "float"), ", ", Name("meshgen", "Float32"), "]"),
}
_NUMPY_NAMES = {"bool": "bool_"}


def named(types: Iterable[Type]) -> Iterator[Record | EnumOf]:
    """Every record with a class of its own, and every enum, in these types; each after those that it holds."""
    seen: set[Type] = set()
    for type_ in types:
        yield from _named(type_, seen)


def _named(type_: Type, seen: set[Type]) -> Iterator[Record | EnumOf]:
    if isinstance(type_, Ref):
        type_ = type_.record
    if type_ in seen:
        return
    seen.add(type_)
    for inner in parts(type_):
        yield from _named(inner, seen)
    if isinstance(type_, EnumOf) or (isinstance(type_, Record) and type_.kind != "tuple"):
        yield type_


def annotation(type_: Type) -> Parts:  # noqa: C901 - one case per type
    """The annotation of a value of this type; classes go by the names of their messages."""
    match type_:
        case Scalar(kind=kind):
            return _SCALARS[kind]
        case WellKnown(kind=well_known):
            return (class_of(KINDS[well_known]),)
        case AnyValue():
            return (Name("typing", "Any"),)
        case Nothing():
            return ("None",)
        case Image():
            return (Name("PIL.Image", "Image"),)
        case Choice(values=values):
            return (Name("typing", "Literal"), f"[{', '.join(map(literal, values))}]")
        case Record(kind="tuple") | ListOf() | MapOf():
            return _container(type_)
        case EnumOf(name=name) | Record(name=name) | Ref(name=name):
            return (class_name(name),)
        case Optional(item=item):
            return (*annotation(item), " | None")
        case Union(members=members):
            return separated(" | ", map(annotation, members))
        case Tensor():
            return _tensor(type_)
        case Unknown():
            raise InternalError(f"no annotation for {type_}")
        case _:
            assert_never(type_)


def class_of(kind: Kind) -> Name:
    """The class of a kind, as code imports it."""
    return Name(kind.python.__module__, kind.name)


def _container(type_: Record | ListOf | MapOf) -> Parts:
    match type_:
        case Record(fields=fields):
            return (Name("builtins", "tuple"), "[", *separated(", ", (annotation(f.type) for f in fields)), "]")
        case ListOf(item=item, container=container):
            end = ", ...]" if container == "tuple" else "]"
            return (Name("builtins", container), "[", *annotation(item), end)
        case MapOf(key=key, value=value):
            return (Name("builtins", "dict"), "[", *annotation(key), ", ", *annotation(value), "]")


def _tensor(tensor: Tensor) -> Parts:
    told = {"dtype": tensor.dtype, "shape": tensor.shape}
    if tensor.library == "torch":
        base: Parts = (Name("torch", "Tensor"),)
    else:
        del told["dtype"]
        item = Name("numpy", _NUMPY_NAMES.get(tensor.dtype, tensor.dtype)) if tensor.dtype else Name("typing", "Any")
        base = (Name("numpy.typing", "NDArray"), "[", item, "]")
    spec = ", ".join(f"{key}={literal(value)}" for key, value in told.items() if value is not None)
    return (_ANNOTATED, "[", *base, ", ", Name("meshgen", "TensorSpec"), f"({spec})]") if spec else base


def separated(separator: str, items: Iterable[Parts]) -> Parts:
    """The items with a separator between them."""
    parts: list[str | Name] = []
    for index, item in enumerate(items):
        parts += [separator, *item] if index else item
    return tuple(parts)


def class_name(name: str) -> str:
    """The class of a record or an enum: it has the name of the message, unless that is a keyword (`None`)."""
    own = pascal(name)
    return f"{own}_" if keyword.iskeyword(own) else own


def attribute(name: str, reserved: frozenset[str] = frozenset()) -> str:
    """A field's name as Python code can have it; on the wire it is the same."""
    usable = name if name.isidentifier() and not name.startswith("__") else snake(name)
    return usable if is_attribute(usable) and usable not in reserved else f"{usable}_"


def is_attribute(name: str) -> bool:
    """Whether code can say `.name`."""
    return name.isidentifier() and not keyword.iskeyword(name)
