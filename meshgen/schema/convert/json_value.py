"""The JSON of a request or response ⇄ Python values, in the shape that protobuf JSON gives it, without protobuf.

A record is an object of its fields, None is `{}`, any other result is `{"result": …}`. Keys are in snake_case; reading
takes lowerCamelCase too. Other than protobuf, writing leaves 64-bit integers as JSON numbers.

Reading is as strict as the proto3 JSON mapping. Envoy 1.40 is laxer in a few places (both were sent 260 documents):
it takes one element for a list of one, drops nulls from lists, reads "true" as a bool, "+5" as an integer, "0x10" as a
float, null in a map as zero, and null for a list of `Any` as a list of null. Of times it takes a 60th second, days of
one digit, and an object of seconds and nanos; of durations `5 s` and `5.s`. All of these are errors here. In one place
Envoy is stricter: it counts arrays, too, so that records in lists of themselves nest 48 deep over REST, and not 100.
An enum that is sent by number counts from 1 as it is declared here; the lock, which a mesh goes by, may know better.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias, assert_never

from meshgen.naming import LIST_FIELD, OPTIONAL_FIELD, RESULT_FIELD, json_name, snake
from meshgen.schema.convert.field_access import ABSENT
from meshgen.schema.convert.json_read import JsonReading
from meshgen.schema.convert.json_write import JsonWriting
from meshgen.schema.misfit import TOO_DEEP, EncodeError, Misfit, path_below
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
from meshgen.schema.traits import DEEPEST, is_deep
from meshgen.schema.values import picture, tensor
from meshgen.schema.values.kind import Message
from meshgen.schema.values.well_known import KINDS
from meshgen.schema.wire_names import member_name
from meshgen.status import InvalidArgument, Violation

Find: TypeAlias = Callable[[Any], Iterator[str]]
"""Finds the paths of unknown keys inside a value."""


class JsonReader:
    """Reads requests or results of one shape; made once, it reads any number."""

    def __init__(self, what: Type | Sequence[Field]) -> None:
        """Compile the reader of `what`; `from_json` says what that may be."""
        self._fields = _fields_of(what)
        self._may_be_deep = any(is_deep(f.type) for f in self._fields)
        self._is_nothing = isinstance(what, Nothing)
        self._is_inside = not isinstance(what, Record | Sequence)
        reading = JsonReading()
        self._read = reading.record(what) if isinstance(what, Record) else reading.fields(self._fields)

    def read(self, value: Any, *, unknown_key: Callable[[str], None] | None = None) -> Any:
        """The Python value of what `json.loads` gave; `from_json` says more."""
        if not isinstance(value, dict):
            raise InvalidArgument("the request must be an object", violations=(Violation("", "must be an object"),))
        try:
            if self._may_be_deep and _depth(value) > DEEPEST + 1:  # and the request itself
                raise InvalidArgument(f"the request {TOO_DEEP}")
            result = self._read(value)
        except Misfit as misfit:
            raise misfit.as_status() from misfit.__cause__
        except RecursionError:
            raise InvalidArgument(f"the request {TOO_DEEP}") from None
        if unknown_key is not None:
            for path in _unknown_keys(_rows(self._fields), value):
                unknown_key(path)
        if self._is_nothing:
            return None
        return result[RESULT_FIELD] if self._is_inside else result


class JsonWriter:
    """Writes requests or results of one shape; made once, it writes any number."""

    def __init__(self, what: Type | Sequence[Field]) -> None:
        """Compile the writer of `what`; `from_json` says what that may be."""
        writing = JsonWriting()
        self._is_inside = not isinstance(what, Record | Sequence)
        self._write = writing.record(what) if isinstance(what, Record) else writing.object(_fields_of(what), _argument)

    def write(self, value: Any) -> Any:
        """The JSON value, for `json.dumps`; `to_json` says more."""
        try:
            return self._write({RESULT_FIELD: value} if self._is_inside else value)
        except RecursionError:
            raise EncodeError(TOO_DEEP) from None


def from_json(
    what: Type | Sequence[Field],
    value: Any,
    *,
    unknown_key: Callable[[str], None] | None = None,
) -> Any:
    """The Python value of what `json.loads` gave.

    Args:
        what: the fields of a request (gives {name: value}), a record (gives its value), or another result type
            (read from `result`).
        value: the JSON value.
        unknown_key: called with the path of each key that the contract does not have; such keys are ignored.

    Raises:
        InvalidArgument: with a violation for each field that does not fit, and for each rule that is broken beside.
    """
    return JsonReader(what).read(value, unknown_key=unknown_key)


def to_json(what: Type | Sequence[Field], value: Any) -> Any:
    """The JSON value of a request or response, for `json.dumps`.

    Args:
        what: as in `from_json`.
        value: {name: value} for fields, else the value.

    Raises:
        EncodeError: a value is not of its declared type; `path` names the field.
    """
    return JsonWriter(what).write(value)


def _argument(field: Field) -> Callable[[Mapping[str, Any]], Any]:
    absent = None if field.required else ABSENT
    return lambda values: values.get(field.name, absent)


def _depth(value: Any) -> int:
    """How many objects are in each other. Each is a message, as far as a document shows it."""
    depth, level = 0, [value]
    while level:
        depth += any(isinstance(item, dict) for item in level)
        level = [inner for item in level for inner in _inner(item)]
    return depth


def _inner(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _fields_of(what: Type | Sequence[Field]) -> tuple[Field, ...]:
    match what:
        case Record(fields=fields):
            return fields
        case Nothing():
            return ()
        case Sequence():
            return tuple(what)
        case _:
            return (Field(name=RESULT_FIELD, type=what),)


def _unknown_keys(rows: Iterable[tuple[str, Find]], value: Mapping[str, Any]) -> Iterator[str]:
    known = {spelling: (wire, find) for wire, find in rows for spelling in (wire, json_name(wire))}
    for key, item in value.items():
        if key not in known:
            yield key
        elif item is not None:
            wire, find = known[key]
            yield from (path_below(wire, path) for path in find(item))


def _rows(fields: Iterable[Field]) -> Iterator[tuple[str, Find]]:
    """What finds unknown keys inside the value of each key."""
    for field in fields:
        wire, union = snake(field.name), spread(field.type)
        if union is None:
            yield wire, partial(_unknown_inside, field.type)
        else:
            yield from _members(union, wire)


def _members(union: Union, field: str = "") -> Iterator[tuple[str, Find]]:
    return ((member_name(m, field), partial(_unknown_in_element, m)) for m in union.members)


def _unknown_inside(type_: Type, value: Any) -> Iterator[str]:
    """Unknown keys inside the value of a field."""
    match type_:
        case Optional(item=item):
            yield from _unknown_in_element(item, value)
        case ListOf(item=item):
            for index, element in enumerate(value):
                yield from (path_below(f"[{index}]", path) for path in _unknown_in_element(item, element))
        case MapOf(value=item):
            for key, element in value.items():
                yield from (path_below(f"[{key!r}]", path) for path in _unknown_in_element(item, element))
        case _:
            yield from _unknown_in_element(type_, value)


def _unknown_in_element(type_: Type, value: Any) -> Iterator[str]:
    match type_:
        case Record() | Ref():
            yield from _unknown_keys(_rows(type_.record.fields), value)
        case Union():
            yield from _unknown_keys(_members(type_), value)
        case WellKnown(kind=kind):
            form = KINDS[kind].json
            yield from (key for key in value if key not in form.names) if isinstance(form, Message) else ()
        case Image():
            yield from _unknown_keys(_rows(picture.PARTS), value)
        case Tensor():
            yield from _unknown_keys(_rows(tensor.PARTS), value)
        case ListOf() | MapOf():
            yield from _unknown_keys([(LIST_FIELD, partial(_unknown_inside, type_))], value)
        case Optional():
            yield from _unknown_keys([(OPTIONAL_FIELD, partial(_unknown_inside, type_))], value)
        case Scalar() | AnyValue() | Nothing() | Unknown() | Choice() | EnumOf():
            return
        case _:
            assert_never(type_)
