"""Bounds of numbers and times → the one lower and one upper rule that protovalidate takes, meaning the same.

Protovalidate reads a lower bound above the upper one as "outside of", so bounds that leave nothing are an error here.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from meshgen.schema.rules import Rules

BOUNDS = ("gt", "ge", "lt", "le")

_Line: TypeAlias = tuple[Any, bool]
"""A bound, and whether the bound itself is left out."""


class BoundError(Exception):
    """Bounds that cannot be stated; the text says why."""


def integer_bounds(rules: Rules, bits: int) -> dict[str, Any]:
    """Rules of a signed integer of so many bits: `{"gte": 0, "lt": 10}`, or `{"const": 3}`.

    Raises:
        BoundError: no number satisfies them.
    """
    least, most = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    lows = [*_whole(rules.ge, "gte", math.ceil, 0), *_whole(rules.gt, "gt", math.floor, 1)]
    highs = [*_whole(rules.le, "lte", math.floor, 0), *_whole(rules.lt, "lt", math.ceil, -1)]
    low, high = max(lows, default=(least, "", 0)), min(highs, default=(most, "", 0))
    if max(low[0], least) > min(high[0], most):
        raise BoundError("leaves no value")
    if (low[1], high[1]) == ("gte", "lte") and low[0] == high[0]:
        return {"const": low[0]}
    return {rule: value for _, rule, value in (low, high) if rule and least <= value <= most}


def float_bounds(rules: Rules, kind: str) -> dict[str, Any]:
    """Rules of a `float` or `float32`.

    Raises:
        BoundError: no number satisfies them, or a bound is not a number.
    """
    return _ordered(rules, _number, _double if kind == "float" else _single)


def time_bounds(rules: Rules) -> dict[str, Any]:
    """Rules of a datetime, bounds in UTC.

    Raises:
        BoundError: no time satisfies them, or a bound has no time zone.
    """
    return _ordered(rules, _instant, lambda bound: bound)


def span_bounds(rules: Rules) -> dict[str, Any]:
    """Rules of a timedelta.

    Raises:
        BoundError: no length of time satisfies them, or a bound is not one.
    """
    return _ordered(rules, _span, lambda bound: bound)


def _whole(bound: Any, rule: str, rounded: Callable[[Any], int], step: int) -> Iterator[tuple[int, str, int]]:
    """A bound of whole numbers: the last value that it allows, the rule's name, the rule's value."""
    if bound is not None:
        number = _number(bound)
        value = int(math.copysign(1 << 80, number)) if math.isinf(number) else rounded(number)
        yield value + step, rule, value


def _ordered(rules: Rules, read: Callable[[Any], Any], narrow: Callable[[Any], Any]) -> dict[str, Any]:
    lows = [_line(read(b), out, narrow, 1) for b, out in ((rules.ge, False), (rules.gt, True)) if b is not None]
    highs = [_line(read(b), out, narrow, -1) for b, out in ((rules.le, False), (rules.lt, True)) if b is not None]
    low = max(lows, default=None)
    high = min(highs, default=None, key=lambda line: (line[0], not line[1]))
    if low and high:
        if low[0] > high[0] or (low[0] == high[0] and (low[1] or high[1])):
            raise BoundError("leaves no value")
        if low[0] == high[0]:
            return {"const": low[0]}
    stated = {}
    if low:
        stated["gt" if low[1] else "gte"] = low[0]
    if high:
        stated["lt" if high[1] else "lte"] = high[0]
    return stated


def _line(bound: Any, left_out: bool, narrow: Callable[[Any], Any], inwards: int) -> _Line:
    """The same line among the numbers that the wire has.

    A bound between two of them moves to the nearest one, which is left out when it lies outside of the bound.
    """
    near = narrow(bound)
    if near == bound:
        return near, left_out
    return near, (near < bound) == (inwards > 0)


def _number(bound: Any) -> Any:
    if not isinstance(bound, int | float) or bound != bound:
        raise BoundError("has a bound that is no number")
    return bound


def _instant(bound: Any) -> datetime:
    if not isinstance(bound, datetime) or bound.tzinfo is None:
        raise BoundError("has a bound without a time zone")
    return bound.astimezone(UTC)


def _span(bound: Any) -> timedelta:
    if not isinstance(bound, timedelta):
        raise BoundError("has a bound that is no timedelta")
    return bound


def _double(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _single(value: float) -> float:
    """The nearest 32-bit float."""
    try:
        result: float = struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    return result
