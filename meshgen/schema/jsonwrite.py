"""Python values → JSON values by schema, as protobuf writes JSON. One closure per type."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping
from typing import Any, assert_never

from meshgen.naming import LIST_FIELD, OPTIONAL_FIELD, snake
from meshgen.schema import picture, tensor
from meshgen.schema.assemble import elements, getter
from meshgen.schema.fit import EncodeError, describe
from meshgen.schema.model import (
    Choice,
    EnumOf,
    Field,
    Image,
    ListOf,
    MapOf,
    Nothing,
    Optional,
    Record,
    Scalar,
    ScalarKind,
    Tensor,
    Type,
    Unknown,
)
from meshgen.schema.scalars import TO_SCALAR, Convert, choice_writer, enum_names, enum_writer


def object_writer(fields: tuple[Field, ...], get: Callable[[Field], Convert]) -> Convert:
    """A function from a holder of values to an object; `get` makes the function that reads a field of the holder."""
    rows = [(snake(f.name), get(f), _member(f.type)) for f in fields]

    def write(holder: Any) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for wire, read, member in rows:
            try:
                value = member(read(holder))
            except EncodeError as error:
                raise error.under(wire) from None
            if value is not None:
                result[wire] = value
        return result

    return write


def record_writer(record: Record) -> Convert:
    """A function from a value of the record to an object."""
    return object_writer(record.fields, lambda field: getter(record, field))


def _member(type_: Type) -> Convert:
    """Writes what stands after a key; None leaves the key out."""
    match type_:
        case Optional(item=item):
            write = _element(item)
            return lambda value: None if value is None else write(value)
        case ListOf():
            return _array(type_)
        case MapOf():
            return _map(type_)
        case _:
            return _element(type_)


def _element(type_: Type) -> Convert:
    match type_:
        case Scalar(kind=kind):
            return _SCALARS[kind]
        case Choice():
            return choice_writer(type_)
        case EnumOf():
            return enum_writer(type_, {name: name for name in enum_names(type_).values()})
        case Record():
            return record_writer(type_)
        case Image():
            return lambda value: _parts(picture.image_parts(value))
        case Tensor():
            return lambda value: _parts(tensor.tensor_parts(value, type_))
        case ListOf() | MapOf():
            return _held(LIST_FIELD, _member(type_))
        case Optional():
            return _held(OPTIONAL_FIELD, _member(type_))
        case Nothing():
            return _none
        case Unknown():
            return _unannotated
        case _:
            assert_never(type_)


def _unannotated(value: Any) -> Any:
    try:
        return _plain(value)
    except RecursionError:
        raise EncodeError("is nested too deeply for JSON") from None


def _plain(value: Any) -> Any:
    """A value without an annotation: as JSON has it already, or not at all."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return _float(value)
        case dict():
            return {_plain_key(key): _plain_at(f"[{key!r}]", item) for key, item in value.items()}
        case list() | tuple():
            return [_plain_at(f"[{index}]", item) for index, item in enumerate(value)]
        case _:
            name = type(value).__name__
            article = "an" if name[0] in "aeiouAEIOU" else "a"
            raise EncodeError(f"is {article} {name}, which JSON cannot hold; annotate the node")


def _plain_at(path: str, value: Any) -> Any:
    try:
        return _plain(value)
    except EncodeError as error:
        raise error.under(path) from None


def _plain_key(key: Any) -> str:
    if isinstance(key, str | int):
        return _key(key)
    raise EncodeError(f"has a key {key!r}, which JSON cannot hold; annotate the node")


def _held(field: str, member: Convert) -> Convert:
    def write(value: Any) -> dict[str, Any]:
        written = member(value)
        return {} if written is None else {field: written}

    return write


def _array(type_: ListOf) -> Convert:
    element = _element(type_.item)

    def write(value: Any) -> list[Any]:
        result = []
        for index, item in enumerate(elements(value, type_)):
            try:
                result.append(element(item))
            except EncodeError as error:
                raise error.under(f"[{index}]") from None
        return result

    return write


def _map(type_: MapOf) -> Convert:
    to_key, element = TO_SCALAR[type_.key.kind], _element(type_.value)

    def write(value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise EncodeError(f"must be {type_}, got {describe(value)}")
        result = {}
        for key, item in value.items():
            try:
                result[_key(to_key(key))] = element(item)
            except EncodeError as error:
                raise error.under(f"[{key!r}]") from None
        return result

    return write


def _key(key: str | int | bool) -> str:
    return str(key).lower() if isinstance(key, bool) else str(key)


def _float(value: Any) -> float | str:
    number: float = TO_SCALAR["float"](value)
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


def _bytes(value: Any) -> str:
    return base64.b64encode(TO_SCALAR["bytes"](value)).decode()


def _parts(parts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _bytes(part) if isinstance(part, bytes | memoryview) else part for name, part in parts.items()}


def _none(value: Any) -> None:
    if value is not None:
        raise EncodeError(f"must be None, got {describe(value)}")


_SCALARS: Mapping[ScalarKind, Convert] = {**TO_SCALAR, "float": _float, "bytes": _bytes}
