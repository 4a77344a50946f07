"""The JSON of a request or response ⇄ Python values, in the shape that protobuf JSON gives it, without protobuf.

A record is an object of its fields, None is `{}`, any other result is `{"result": …}`. Keys are the fields'
names in Python; reading takes those of the contract too. Other than protobuf, writing has 64-bit integers as numbers.

Reading is as strict as the proto3 JSON mapping. Envoy 1.40 is laxer in a few places (both were sent 260 documents):
it takes one element for a list of one, drops nulls from lists, reads "true" as a bool, "+5" as an integer, "0x10" as a
float, null in a map as zero, and null for a list of `Any` as a list of null. Of times it takes a 60th second, days of
one digit, and an object of seconds and nanos; of durations `5 s` and `5.s`. All of these are errors here. In one place
Envoy is stricter: it counts arrays, too, so that records in lists of themselves nest 48 deep over REST, and not 100.
A number for an enum is the value of a member here, where the contract can have that number, and else an error; Envoy
takes any number of the contract.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from meshgen.naming import RESULT_FIELD
from meshgen.schema.convert.field_access import ABSENT
from meshgen.schema.convert.json_read import JsonReading
from meshgen.schema.convert.json_write import JsonWriting
from meshgen.schema.convert.unknown_keys import in_words, unknown_keys
from meshgen.schema.misfit import TOO_DEEP, EncodeError, Misfit
from meshgen.schema.model import Field, Nothing, Record, Type
from meshgen.schema.traits import DEEPEST, is_deep
from meshgen.status import InvalidArgument, Violation


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
            raise misfit.as_status(in_words(self._fields, value)) from misfit.__cause__
        except RecursionError:
            raise InvalidArgument(f"the request {TOO_DEEP}") from None
        if unknown_key is not None:
            for key in unknown_keys(self._fields, value):
                unknown_key(key.path)
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
