"""What a value has beyond the fields of its record: refused, because the message has no place for it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from meshgen.schema.classes import kind_of, opened
from meshgen.schema.misfit import EncodeError, describe
from meshgen.schema.model import Record

_Check: TypeAlias = Callable[[Any], None]


def extra_fields_check(record: Record) -> tuple[type[Any] | None, _Check]:
    """The class whose values have no more than the fields (None when each value has to be looked at), and a check.

    The check is for values of every other class. It raises EncodeError, and leaves alone what is of another kind: that
    has an error of its own where fields are read.
    """
    match record.kind:
        case "tuple":
            return None, _length_check(record)
        case "typeddict":
            return None, _keys_check(record)
        case _:
            cls: type[Any] = record.python
            return None if _takes_extras(cls) else cls, _object_check(record)


def _length_check(record: Record) -> _Check:
    count = len(record.fields)

    def check(value: Any) -> None:
        if isinstance(value, str | bytes | Mapping) or (hasattr(value, "__len__") and not _has_length(value, count)):
            raise EncodeError(f"must be {record}, got {describe(value)}")

    return check


def _has_length(value: Any, count: int) -> bool:
    try:
        return len(value) == count
    except TypeError:  # an array of no dimensions
        return False


def _keys_check(record: Record) -> _Check:
    known = {f.name for f in record.fields}

    def check(value: Any) -> None:
        if isinstance(value, Mapping) and not value.keys() <= known:
            raise _lost(record, value.keys() - known, "key")

    return check


def _object_check(record: Record) -> _Check:
    known = {f.name for f in record.fields}
    base = opened(record.python).cls

    def check(value: Any) -> None:
        cls = type(value)
        if not isinstance(value, base):
            return
        if more := [name for name in _field_names(cls) if name not in known]:
            way_out = f"declare `{record} | {cls.__name__}`"
            raise EncodeError(f"must be {record}, got {cls.__name__}, whose `{more[0]}` would be lost; {way_out}")
        if _takes_extras(cls) and (extras := _extras(value) - known):
            raise _lost(record, extras, "field")

    return check


def _lost(record: Record, names: Iterable[Any], what: str) -> EncodeError:
    return EncodeError(f"is no {what} of {record} and would be lost; declare it, or leave it out", min(map(str, names)))


def _field_names(cls: Any) -> Iterable[str]:
    """What a value of the class is made from."""
    match kind_of(cls):
        case "dataclass":
            return [f.name for f in dataclasses.fields(cls) if f.init]
        case "pydantic":
            return list(cls.model_fields)
        case "namedtuple":
            return list(cls._fields)
        case _:
            return ()


def _takes_extras(cls: Any) -> bool:
    """Whether a class of pydantic's keeps what it does not declare."""
    config = getattr(cls, "model_config", None) or getattr(cls, "__pydantic_config__", None)
    return isinstance(config, Mapping) and config.get("extra") == "allow"


def _extras(value: Any) -> set[str]:
    if kind_of(type(value)) == "pydantic":
        return set(value.__pydantic_extra__ or ())
    return set(vars(value)) - {f.name for f in dataclasses.fields(value)}
