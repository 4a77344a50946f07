"""How writers take Python values apart: the fields of records, the elements of lists, what is absent."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from meshgen.schema.convert.set_elements import SETS
from meshgen.schema.misfit import EncodeError, describe
from meshgen.schema.model import Field, ListOf, Record


class _Absent(enum.Enum):
    ABSENT = "ABSENT"


ABSENT: Final = _Absent.ABSENT
"""What a reader returns for a field that was not sent, and a getter for a key that a TypedDict need not have."""


def getter(record: Record, field: Field) -> Callable[[Any], Any]:
    """Reads a field of a Python value of the record; an EncodeError when the value is of another kind."""

    def get(value: Any) -> Any:
        try:
            if field.omitted:
                return value.get(field.name, ABSENT)
            return record.get(value, field.name)
        except (AttributeError, KeyError, IndexError, TypeError):
            raise EncodeError(f"must be {record}, got {describe(value)}") from None

    return get


def elements(value: Any, type_: ListOf) -> Iterable[Any]:
    """The elements of a Python value for a list; an EncodeError when it has none.

    For a set every element comes once, whatever the value is.
    """
    # An array of no dimensions has the method, too.
    iterable = hasattr(value, "__iter__") and getattr(value, "ndim", None) != 0
    if isinstance(value, str | bytes | bytearray | Mapping) or not iterable:
        raise EncodeError(f"must be {type_}, got {describe(value)}")
    if isinstance(value, Iterator):  # whoever checks it, or tries to write it in another way, leaves nothing of it
        raise EncodeError(f"must be {type_}, got {describe(value)}, which can be read only once: make a list of it")
    if type_.container in SETS and not isinstance(value, set | frozenset):
        try:
            return set(value)
        except TypeError:
            raise EncodeError(f"must be {type_}, got {describe(value)}") from None
    return value  # type: ignore[no-any-return]
