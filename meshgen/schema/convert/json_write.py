"""Python values → JSON values by schema, as protobuf writes JSON. One closure per type."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, assert_never

from meshgen.naming import LIST_FIELD, OPTIONAL_FIELD
from meshgen.schema.convert.extra_fields import extra_fields_check
from meshgen.schema.convert.field_access import ABSENT, elements, getter
from meshgen.schema.convert.set_elements import may_merge, refuse_merged
from meshgen.schema.misfit import EncodeError, describe
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
    ScalarKind,
    Tensor,
    Type,
    Union,
    Unknown,
    WellKnown,
)
from meshgen.schema.relate.defaults import NONE_IS_LOST, none_is_lost
from meshgen.schema.relate.union_members import member_chooser, spread
from meshgen.schema.values import picture, tensor
from meshgen.schema.values.any_value import to_plain
from meshgen.schema.values.kind import Kind, Text
from meshgen.schema.values.scalars import (
    TO_SCALAR,
    Convert,
    choice_writer,
    enum_names,
    enum_writer,
    shortest_float32,
)
from meshgen.schema.values.well_known import KINDS
from meshgen.schema.wire_names import member_name

Put = Callable[[Any, dict[str, Any]], None]
"""Puts a value into an object, under its key; or leaves the key out."""


class JsonWriting:
    """Compiles writers of JSON objects."""

    def __init__(self) -> None:
        self._records: dict[Record, list[Convert]] = {}

    def object(self, fields: tuple[Field, ...], get: Callable[[Field], Convert]) -> Convert:
        """A function from a holder of values to an object; `get` makes what reads a field of the holder."""
        rows = [(get(f), self._field(f)) for f in fields]

        def write(holder: Any) -> dict[str, Any]:
            result: dict[str, Any] = {}
            for read, put in rows:
                value = read(holder)
                if value is not ABSENT:
                    put(value, result)
            return result

        return write

    def record(self, record: Record) -> Convert:
        """A value of the record → an object. Each record is compiled once, so that it may hold itself."""
        compiled = self._records.get(record)
        if compiled is None:
            compiled = self._records[record] = []
            compiled.append(self._record(record))
        return compiled[0] if compiled else lambda value: compiled[0](value)  # noqa: PLW0108 - it is empty yet

    def _record(self, record: Record) -> Convert:
        put = self.object(record.fields, lambda field: getter(record, field))
        whole, check = extra_fields_check(record)

        def write(value: Any) -> Any:
            if type(value) is not whole:
                check(value)
            return put(value)

        return write

    def _field(self, field: Field) -> Put:
        name, union = field.name, spread(field.type)
        put = _put(name, self._member(field.type)) if union is None else self._oneof(union, name)
        if none_is_lost(field):
            return _refuse_none(put, name)
        return _unless_none(put) if union is not None and isinstance(field.type, Optional) else put

    def _oneof(self, union: Union, field: str = "") -> Put:
        """Writes the member that a value is of; those of a union that is a `field` have its name in theirs."""
        choose = member_chooser(union)
        members = [_put(member_name(m, field), self._element(m)) for m in union.members]

        def put(value: Any, result: dict[str, Any]) -> None:
            try:
                index = choose(value)
            except EncodeError as error:
                raise error.under(field) from None
            members[index](value, result)

        return put

    def _member(self, type_: Type) -> Convert:
        """Writes what stands after a key; `ABSENT` leaves the key out."""
        match type_:
            case Optional(item=item) if not isinstance(item, AnyValue):
                write = self._element(item)
                return lambda value: ABSENT if value is None else write(value)
            case Optional(item=item):
                return self._element(item)
            case ListOf():
                return self._array(type_)
            case MapOf():
                return self._map(type_)
            case _:
                return self._element(type_)

    def _element(self, type_: Type) -> Convert:  # noqa: C901 - one case per type
        match type_:
            case Scalar(kind=kind):
                return _SCALARS[kind]
            case WellKnown(kind=kind):
                return _kind_writer(KINDS[kind])
            case AnyValue():
                return to_plain
            case Choice():
                return choice_writer(type_)
            case EnumOf():
                return enum_writer(type_, {name: name for name in enum_names(type_).values()})
            case Record() | Ref():
                return self.record(type_.record)
            case Union():
                return _object_of(self._oneof(type_))
            case Image():
                return lambda value: _parts(picture.image_parts(value))
            case Tensor():
                return lambda value: _parts(tensor.tensor_parts(value, type_))
            case ListOf() | MapOf():
                return _object_of(_put(LIST_FIELD, self._member(type_), path=""))
            case Optional():
                return _object_of(_put(OPTIONAL_FIELD, self._member(type_), path=""))
            case Nothing():
                return _none
            case Unknown():
                return _unannotated
            case _:
                assert_never(type_)

    def _array(self, type_: ListOf) -> Convert:
        element, merging = self._element(type_.item), may_merge(type_)

        def write(value: Any) -> list[Any]:
            result = []
            for index, item in enumerate(elements(value, type_)):
                try:
                    result.append(element(item))
                except EncodeError as error:
                    raise error.under(f"[{index}]") from None
            if merging:
                refuse_merged(item if isinstance(item, float) else repr(item) for item in result)
            return result

        return write

    def _map(self, type_: MapOf) -> Convert:
        to_key, element = TO_SCALAR[type_.key.kind], self._element(type_.value)

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


def _put(key: str, write: Convert, path: str | None = None) -> Put:
    """Puts what `write` makes under a key; the path of errors is the key's, unless another is given."""
    prefix = key if path is None else path

    def put(value: Any, result: dict[str, Any]) -> None:
        try:
            written = write(value)
        except EncodeError as error:
            raise error.under(prefix) from None
        if written is not ABSENT:
            result[key] = written

    return put


def _unless_none(put: Put) -> Put:
    return lambda value, result: None if value is None else put(value, result)


def _refuse_none(put: Put, name: str) -> Put:
    def put_value(value: Any, result: dict[str, Any]) -> None:
        if value is None:
            raise EncodeError(NONE_IS_LOST, name)
        put(value, result)

    return put_value


def _object_of(put: Put) -> Convert:
    def write(value: Any) -> dict[str, Any]:
        result: dict[str, Any] = {}
        put(value, result)
        return result

    return write


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


def _key(key: str | int | bool) -> str:
    return str(key).lower() if isinstance(key, bool) else str(key)


def _float(value: Any) -> float | str:
    number: float = TO_SCALAR["float"](value)
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


def _float32(value: Any) -> float | str:
    number = _float(TO_SCALAR["float32"](value))
    return number if isinstance(number, str) else shortest_float32(number)


def _bytes(value: Any) -> str:
    return base64.b64encode(TO_SCALAR["bytes"](value)).decode()


def _parts(parts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _bytes(part) if isinstance(part, bytes | memoryview) else part for name, part in parts.items()}


@cache
def _kind_writer(kind: Kind) -> Convert:
    form = kind.json
    if isinstance(form, Text):
        return form.write
    names = form.names
    return lambda value: dict(zip(names, form.write(value), strict=True))


def _none(value: Any) -> None:
    if value is not None:
        raise EncodeError(f"must be None, got {describe(value)}")


_SCALARS: Mapping[ScalarKind, Convert] = {**TO_SCALAR, "float": _float, "float32": _float32, "bytes": _bytes}
