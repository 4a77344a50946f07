"""Examples that users give, as Python values or as JSON has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from meshgen.naming import RESULT_FIELD
from meshgen.schema.check.requests import request_check
from meshgen.schema.convert.json_value import JsonReader, JsonWriter
from meshgen.schema.misfit import EncodeError
from meshgen.schema.model import Field, Record, Ref, Type
from meshgen.status import InvalidArgument
from meshgen.tracebacks import kind_and_text


class UnfitError(Exception):
    """An example is no value of its type, or breaks a rule; the text says which."""


def value_of(type_: Type, example: Any) -> Any:
    """The Python value that an example stands for.

    Args:
        type_: what it is an example of.
        example: the value itself, or what JSON has for it.

    Raises:
        UnfitError: it is neither.
    """
    kind = type_.record if isinstance(type_, Ref) else type_
    value = _python(kind, example)
    check = request_check((Field(name=RESULT_FIELD, type=kind),))
    if check is not None:
        try:
            check({RESULT_FIELD: value})
        except InvalidArgument as error:
            raise UnfitError(_inside(error)) from None
    return value


def _python(type_: Type, example: Any) -> Any:
    try:
        JsonWriter(type_).write(example)
    except EncodeError as error:
        in_python = str(EncodeError(error.reason, _without(error.path)))
    except Exception as error:  # noqa: BLE001 - a property of the user's class
        in_python = kind_and_text(error)
    else:
        return example
    unknown: list[str] = []
    body = example if isinstance(type_, Record) else {RESULT_FIELD: example}
    try:
        value = JsonReader(type_).read(body, unknown_key=unknown.append)
    except InvalidArgument as error:
        raise UnfitError(_inside(error) if isinstance(example, Mapping) else in_python) from None
    if unknown:
        raise UnfitError(f"{_without(unknown[0])} is no field of it")
    return value


def _inside(error: InvalidArgument) -> str:
    """Without the name of the field that holds the example here."""
    rows = [(_without(violation.field), violation.description) for violation in error.violations]
    return "; ".join(f"{path} {text}".strip() for path, text in rows) or error.message


def _without(path: str) -> str:
    return path.removeprefix(RESULT_FIELD).removeprefix(".")


def examples_of_class(python: Any) -> Iterator[Any]:
    """What pydantic's `model_config` says: `json_schema_extra={"examples": [...]}`."""
    config = getattr(python, "model_config", None) or getattr(python, "__pydantic_config__", None)
    extra = config.get("json_schema_extra") if isinstance(config, Mapping) else None
    if isinstance(extra, Mapping):
        yield from extra["examples"] if isinstance(extra.get("examples"), list | tuple) else ()
        if "example" in extra:
            yield extra["example"]
