"""A request as an example, in JSON: what users give is read, and what is made up is tried, before it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from meshgen.schema.check.requests import request_check
from meshgen.schema.convert.json_value import JsonReader
from meshgen.schema.convert.json_write import JsonWriting
from meshgen.schema.example.given import UnfitError, value_of
from meshgen.schema.example.made import Making
from meshgen.schema.example.scalars import NoExampleError
from meshgen.schema.example.wanted import Wanted
from meshgen.schema.misfit import EncodeError
from meshgen.schema.model import Field, Record, Tensor, Type
from meshgen.schema.values.scalars import Convert
from meshgen.schema.values.tensor import tensor_parts
from meshgen.status import InvalidArgument

_MOST_NUMBERS = 64
"""Elements of an array that are written as numbers; more than that nobody reads."""
_CONTENTS = {"BOOL": "bool_contents", "INT": "int64_contents", "UINT": "uint64_contents"}


def made_up(fields: tuple[Field, ...], record: Record | None, wanted: Wanted) -> dict[str, Any] | None:
    """A request that the contract takes; None when nothing is found that keeps every rule.

    Args:
        fields: of the request.
        record: the request, when it is one record.
        wanted: what the graph does with it.
    """
    for defaults in (True, False):
        try:
            values = Making(defaults=defaults).fields(fields, wanted)
            body = written(fields, values)
            _try(fields, record, body)
        except (NoExampleError, EncodeError, InvalidArgument):
            continue
        return body
    return None


def given(fields: tuple[Field, ...], record: Record | None, example: Any) -> dict[str, Any]:
    """The request that an example of a user stands for.

    Args:
        fields: of the request.
        record: the request, when it is one record.
        example: of a record its value, else {name: value}; each value as Python or as JSON has it.

    Raises:
        UnfitError: it does not fit.
    """
    if record is not None:
        value = value_of(record, example)
        values = {f.name: record.get(value, f.name) for f in fields if not f.omitted or f.name in value}
    else:
        values = _by_name(fields, example)
    try:
        body = written(fields, values)
        _try(fields, record, body)
    except (EncodeError, InvalidArgument) as error:
        raise UnfitError(str(error)) from None
    return body


def _by_name(fields: Sequence[Field], example: dict[str, Any]) -> dict[str, Any]:
    known = {f.name: f.type for f in fields}
    for name in example:
        if name not in known:
            raise UnfitError(f"{name} is none of {', '.join(known)}")
    if missing := [f.name for f in fields if f.required and f.name not in example]:
        raise UnfitError(f"{missing[0]} is required")
    values = {}
    for name, value in example.items():
        try:
            values[name] = value_of(known[name], value)
        except UnfitError as error:
            raise UnfitError(f"{name} {error}") from None
    return values


def _try(fields: tuple[Field, ...], record: Record | None, body: dict[str, Any]) -> None:
    """Read it as a mesh would; InvalidArgument when it is refused."""
    request = JsonReader(record or fields).read(body)
    if (check := request_check(fields, record)) is not None:
        check(request)


def written(fields: tuple[Field, ...], values: dict[str, Any]) -> dict[str, Any]:
    """The values as JSON, for people to read."""
    there = tuple(f for f in fields if f.name in values)
    body: dict[str, Any] = _Readable().object(there, lambda field: lambda holder: holder[field.name])(values)
    return body


class _Readable(JsonWriting):
    """Writes the elements of small arrays as numbers, where a program has bytes."""

    def _element(self, type_: Type) -> Convert:
        return _array_writer(type_) if isinstance(type_, Tensor) else super()._element(type_)


def _array_writer(type_: Tensor) -> Convert:
    as_bytes = JsonWriting()._element(type_)

    def write(value: Any) -> dict[str, Any]:
        parts = tensor_parts(value, type_)
        datatype = parts["datatype"]
        flat = value.reshape(-1).tolist()
        if len(flat) > _MOST_NUMBERS:
            return as_bytes(value)  # type: ignore[no-any-return]
        contents = _CONTENTS.get(
            datatype.rstrip("0123456789"), "fp64_contents" if datatype == "FP64" else "fp32_contents"
        )
        return {"datatype": datatype, "shape": parts["shape"], contents: flat}

    return write
