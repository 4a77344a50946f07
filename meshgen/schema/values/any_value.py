"""What `Any` can carry: the values of JSON, with one kind of number."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from meshgen.schema.misfit import EncodeError, Misfit, describe, subscript
from meshgen.schema.values.scalars import to_str

WHOLE_MAX = 1 << 53
"""The integer up to which a double holds every one."""


def to_plain(value: Any) -> Any:
    """The value in None, bool, int, float, str, list and dict alone.

    Raises:
        EncodeError: it holds something that JSON, or a double, cannot.
    """
    match value:
        case None | bool():
            return value
        case str():
            return to_str(value)
        case int():
            return _whole(value)
        case float():
            return _finite(value)
        case Mapping():
            return {_at(to_str, key, key): _at(to_plain, item, key) for key, item in value.items()}
        case list() | tuple():
            return [_at(to_plain, item, index) for index, item in enumerate(value)]
        case _:
            return _foreign(value)


def _at(convert: Any, value: Any, key: Any) -> Any:
    try:
        return convert(value)
    except EncodeError as error:
        raise error.under(f"[{key!r}]") from None


def _whole(value: int) -> int:
    if abs(value) > WHOLE_MAX:
        raise EncodeError(
            f"is an int of {value.bit_length()} bits, and Any has doubles, exact up to 2**53; annotate it as int"
        )
    return operator.index(value)


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise EncodeError(f"is {value}, which JSON cannot hold; annotate it as float")
    return float(value)


def _foreign(value: Any) -> Any:
    """Numbers of numpy count as numbers, because models return them."""
    if type(value).__module__ == "numpy" and getattr(value, "ndim", 1) == 0:
        return to_plain(value.item())
    raise EncodeError(f"must be a value of JSON for Any, got {describe(value)}; annotate it with its type")


def number_of(double: float) -> int | float:
    """A number as JSON has it: 5.0 is 5."""
    if not math.isfinite(double):
        raise Misfit.here("must be finite")
    return int(double) if abs(double) <= WHOLE_MAX and double.is_integer() else double


def from_plain(value: Any) -> Any:
    """What arrives of a value that `json.loads` gave.

    Raises:
        Misfit: a number is no double, or none that is exact, or a text is not Unicode.
    """
    match value:
        case bool():
            return value
        case int() if abs(value) > WHOLE_MAX:  # a double would be another number
            raise Misfit.here("must be within 2**53 as a whole number, since Any has doubles")
        case int() | float():
            return number_of(float(value))
        case str():
            return _unicode(value)
        case dict():
            return {read_at(_unicode, key, key): read_at(from_plain, item, key) for key, item in value.items()}
        case list():
            return [read_at(from_plain, item, index) for index, item in enumerate(value)]
        case _:
            return value


def read_at(read: Callable[[Any], Any], value: Any, key: str | int) -> Any:
    """An item as `read` has it; problems are under its key."""
    try:
        return read(value)
    except Misfit as misfit:
        raise Misfit(misfit.under(subscript(key))) from None


def _unicode(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Misfit.here("must be valid Unicode") from None
    return text
