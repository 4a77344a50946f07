"""Bounds as written → at most one lower and one upper bound that the wire type can state."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

from meshgen.schema.model import Scalar, WellKnown
from meshgen.schema.unsupported import THIS, Refused
from meshgen.schema.values.scalars import as_float32
from meshgen.schema.values.well_known import KINDS

_BITS = {"int": 64, "int32": 32}
_Side: TypeAlias = dict[str, Any]


def bounds(type_: Scalar | WellKnown, stated: list[tuple[str, Any]]) -> tuple[_Side, _Side]:
    """The tightest lower and upper bound, as arguments of `Rules`: `{"gt": 0}`, `{}`.

    Raises:
        Refused: a bound is no value of the type, or no value is between the two.
    """
    normal = [_normal(type_, rule, value) for rule, value in stated]
    low = max((b for b in normal if b[0] in ("gt", "ge")), key=lambda b: (b[1], b[0] == "gt"), default=None)
    high = min((b for b in normal if b[0] in ("lt", "le")), key=lambda b: (b[1], b[0] == "le"), default=None)
    if low and high and _empty(type_, low, high):
        reason = f"has no value that is {_words(low)} and {_words(high)}"
        raise Refused(THIS, reason, "Correct the bounds.")
    return dict([low] if low else []), dict([high] if high else [])


def _normal(type_: Scalar | WellKnown, rule: str, value: Any) -> tuple[str, Any]:
    if getattr(value, "ndim", None) == 0:  # a number of numpy
        value = value.item()
    match type_:
        case Scalar(kind="int" | "int32" as kind):
            return _whole(rule, _number(type_, value), _BITS[kind])
        case Scalar(kind=kind):
            number = _number(type_, value)
            return rule, _single(number) if kind == "float32" else number
        case WellKnown(kind=kind):
            stated = KINDS[kind].bounds
            assert stated is not None, "bounds that the contract cannot state are not looked at"
            return rule, stated.normal(value)


def _number(type_: Scalar, value: Any) -> Any:
    """An int as it is, another number as a float."""
    if isinstance(value, int):
        return int(value) if type_.kind in _BITS else _float(value)
    number = _float(value)
    if math.isnan(number):
        raise Refused(THIS, "has NaN as a bound, which nothing satisfies", "Write a number.")
    if math.isinf(number):
        hint = "Leave the bound out; `pydantic.Field(allow_inf_nan=False)` keeps infinities out."
        raise Refused(THIS, "has an infinite bound", hint)
    return number


def _float(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise Refused(THIS, f"has the bound {value!r}, which is no such number", "Write a number.") from None


def _whole(rule: str, value: float, bits: int) -> tuple[str, int]:
    """`> 0.5` is `>= 1` for an int."""
    if value != int(value):
        rule, number = ("ge", math.ceil(value)) if rule in ("gt", "ge") else ("le", math.floor(value))
    else:
        number = int(value)
    if not -(1 << (bits - 1)) <= number < 1 << (bits - 1):
        hint = f"An int has {bits} bits on the wire; leave the bound out, or write one inside of it."
        raise Refused(THIS, f"has the bound {number}, which is beyond {bits} bits", hint)
    return rule, number


def _single(value: float) -> float:
    """The bound as the wire has it, so that a value equal to it is inside in both precisions."""
    try:
        return as_float32(value)
    except OverflowError:
        reason = f"has the bound {value!r}, which is beyond single precision"
        raise Refused(THIS, reason, "Leave it out, or drop `Float32`.") from None


def _empty(type_: Scalar | WellKnown, low: tuple[str, Any], high: tuple[str, Any]) -> bool:
    if isinstance(type_, Scalar) and type_.kind in _BITS:
        return bool(low[1] + (low[0] == "gt") > high[1] - (high[0] == "lt"))
    return bool(low[1] > high[1] or (low[1] == high[1] and (low[0] == "gt" or high[0] == "lt")))


def _words(bound: tuple[str, Any]) -> str:
    sign = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}[bound[0]]
    return f"{sign} {bound[1]}"
