"""Default values as Python code, for those that code can write."""

from __future__ import annotations

import enum
import typing
from typing import Any, assert_never

from meshgen.emit.client.pytypes import attribute, class_name, class_of, is_attribute, separated
from meshgen.emit.output.pysource import Name, Parts, literal
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
from meshgen.schema.relate.union_members import member_chooser
from meshgen.schema.traits import without_none
from meshgen.schema.values.kind import Kind
from meshgen.schema.values.well_known import KINDS


def default(field: Field) -> Parts | None:
    """The default of a field as an expression; None when it has none, or one that code cannot write."""
    if field.omitted:
        return ("None",)
    if not field.has_default:
        return None
    written = _made(field)
    # One that differs each time is for the service to make.
    return written if field.factory is None or written == _made(field) else None


def is_constant(type_: Type, written: Parts) -> bool:
    """Whether a default can be shared by everybody who leaves the value out."""
    return written == ("None",) or isinstance(without_none(type_), Scalar | Choice | EnumOf)


def _made(field: Field) -> Parts | None:
    try:
        return expression(field.type, field.make_default())
    except Exception:  # noqa: BLE001 - a factory is anybody's code, and may want what is not there
        return None


def expression(type_: Type, value: Any) -> Parts | None:
    """Code that makes a value of this type; None when there is none. Raises EncodeError: it is of no member."""
    match type_:
        case Scalar() | Choice() | AnyValue():
            return _plain(value)
        case EnumOf(python=python):
            return (_member(type_, value),) if isinstance(value, python) else None
        case Optional(item=item):
            return ("None",) if value is None else expression(item, value)
        case Union(members=members):
            return expression(members[member_chooser(type_)(value)], value)
        case ListOf():
            return _list(type_, value)
        case MapOf():
            return _map(type_, value)
        case Record() | Ref():
            return _record(type_.record, value)
        case WellKnown(kind=kind):
            return _call(KINDS[kind], value)
        case Image() | Tensor() | Nothing() | Unknown():
            return None
        case _:
            assert_never(type_)


def _call(kind: Kind, value: Any) -> Parts | None:
    if type(value) is not kind.python:
        return None
    call = kind.call(value)
    arguments = [*map(literal, call.args), *(f"{name}={literal(arg)}" for name, arg in call.kwargs.items())]
    return (class_of(kind), f"{f'.{call.method}' if call.method else ''}({', '.join(arguments)})")


def _member(type_: EnumOf, value: enum.Enum) -> str:
    name = class_name(type_.name)
    return f"{name}.{value.name}" if is_attribute(value.name) else f"{name}[{literal(value.name)}]"


def _plain(value: Any) -> Parts | None:
    if type(value) is bytes:
        return (repr(value),)
    return (literal(value),) if type(value) in (bool, int, float, str, list, dict, type(None)) else None


def _list(type_: ListOf, value: Any) -> Parts | None:
    if not isinstance(value, list | tuple | set | frozenset):
        return None
    items = [expression(type_.item, item) for item in value]
    kept = [item for item in items if item is not None]
    if len(kept) != len(items):
        return None
    if isinstance(value, set | frozenset):  # in an order that is the same each time
        kept.sort(key=str)
    match type_.container:
        case "list":
            return ("[", *separated(", ", kept), "]")
        case "tuple":
            return ("(", *separated(", ", kept), ",)" if len(kept) == 1 else ")")
        case "set" | "frozenset" as container:
            return (Name("builtins", container), "([", *separated(", ", kept), "])")


def _map(type_: MapOf, value: Any) -> Parts | None:
    if not isinstance(value, dict):
        return None
    pairs = []
    for key, item in value.items():
        written, written_key = expression(type_.value, item), expression(type_.key, key)
        if written is None or written_key is None:
            return None
        pairs.append((*written_key, ": ", *written))
    return ("{", *separated(", ", pairs), "}")


def _record(record: Record, value: Any) -> Parts | None:
    cls = typing.get_origin(record.python) or record.python
    if record.kind not in ("tuple", "typeddict") and type(value) is not cls:
        return None
    parts: list[Parts] = []
    for field in record.fields:
        if field.omitted and field.name not in value:
            continue
        try:
            item = record.get(value, field.name)
        except (KeyError, IndexError, TypeError):  # a value of another type
            return None
        written = expression(field.type, item)
        if written is None:
            return None
        parts.append(written if record.kind == "tuple" else (f"{attribute(field.name)}=", *written))
    if record.kind == "tuple":
        return ("(", *separated(", ", parts), ",)" if len(parts) == 1 else ")")
    return (f"{class_name(record.name)}(", *separated(", ", parts), ")")
