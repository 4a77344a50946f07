"""Metadata of `Annotated` and of pydantic's fields → `Rules` of a type.

The classes of `annotated_types`, pydantic and msgspec are recognised by module and name; none is imported.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, assert_never

from meshgen.schema.model import (
    AnyValue,
    Choice,
    EnumOf,
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
from meshgen.schema.re2 import re2
from meshgen.schema.reflect.bounds import bounds
from meshgen.schema.rules import Rules
from meshgen.schema.unsupported import THIS, Refused
from meshgen.schema.values.scalars import INT64_MAX
from meshgen.schema.values.well_known import KINDS

_LIBRARIES = ("annotated_types", "pydantic", "pydantic_core", "msgspec")
_DOCUMENTING = (*_LIBRARIES, "annotated_doc", "meshgen", "typing_extensions")
_RULES = {
    **{name: name for name in ("gt", "ge", "lt", "le", "multiple_of", "pattern")},
    "min_length": "min_len",
    "max_length": "max_len",
}
_UNSTATED_PARTS = ("max_digits", "decimal_places", "ascii_only")
_UNSTATED = (
    *("AfterValidator", "BeforeValidator", "PlainValidator", "WrapValidator"),
    *("Not", "Predicate", "Timezone", "UuidVersion", "UrlConstraints"),
)
_CHANGING = ("strip_whitespace", "to_lower", "to_upper")
_LENGTHS = frozenset({"min_len", "max_len"})
_BOUNDS = frozenset({"gt", "ge", "lt", "le"})
_OF_SCALARS: Mapping[ScalarKind, frozenset[str]] = {
    "bool": frozenset(),
    "int": _BOUNDS | {"multiple_of"},
    "float": _BOUNDS | {"finite"},
    "str": _LENGTHS | {"pattern"},
    "bytes": _LENGTHS,
    "int32": _BOUNDS | {"multiple_of"},
    "float32": _BOUNDS | {"finite"},
}


@dataclass(frozen=True, slots=True)
class Constraint:
    """One thing that metadata asks."""

    rule: str
    """The attribute of `Rules` that says it; empty when the contract cannot."""
    value: Any
    written: str
    """`ge=0`."""


def constraints_of(metadata: Iterable[Any]) -> list[Constraint]:
    """What a list of metadata asks. Things that are no constraints (texts, dependencies) ask nothing."""
    return [c for item in metadata for c in _read(item)]


def doc_of(metadata: Iterable[Any]) -> str:
    """What metadata says about the value in words (`Doc(...)`, `Field(description=...)`); empty when nothing."""
    for item in metadata:
        text = getattr(item, "documentation", None) or getattr(item, "description", None)
        if isinstance(text, str) and _library(item) in _DOCUMENTING:
            return text
    return ""


def _library(item: Any) -> str:
    return type(item).__module__.split(".")[0]


def _read(item: Any) -> Iterator[Constraint]:
    if _library(item) not in _LIBRARIES:
        return
    kind = type(item).__name__
    if kind.endswith("FieldInfo") or isinstance(getattr(item, "metadata", None), list):
        yield from constraints_of(item.metadata)
        return
    if kind in ("EncodedBytes", "EncodedStr"):
        hint = "Use `bytes`: JSON has it in base64 anyway."
        raise Refused(THIS, f"is decoded once more by pydantic's {kind}", hint)
    if kind in _UNSTATED:
        yield from _function(item, kind)
        return
    changing = [name for name in _CHANGING if getattr(item, name, None)]
    for name, rule in _RULES.items():
        value = getattr(item, name, None)
        if value is not None:
            # The contract is about what is sent; pydantic checks what it has made of that.
            lost = changing and (rule == "pattern" or (rule == "max_len" and "strip_whitespace" in changing))
            yield Constraint("" if lost else rule, value, f"{name}={value!r}")
    if getattr(item, "allow_inf_nan", None) is False:
        yield Constraint("finite", True, "allow_inf_nan=False")
    for name in _UNSTATED_PARTS:
        if getattr(item, name, None) is not None:
            yield Constraint("", None, f"{name}={getattr(item, name)!r}")


def _function(item: Any, kind: str) -> Iterator[Constraint]:
    """A check that Python does; the contract knows only the one for finite numbers, and what time zones are."""
    function = getattr(item, "func", None)
    if kind == "Timezone":
        if item.tz is None:
            hint = "Ask for an aware one (`Timezone(...)`): a timestamp is a moment in time."
            raise Refused(THIS, "must be without a time zone", hint)
        if item.tz is not Ellipsis:
            yield Constraint("", None, f"Timezone({item.tz!r})")
    elif function is math.isfinite:
        yield Constraint("finite", True, "isfinite")
    else:
        name = getattr(function, "__name__", "")
        yield Constraint("", None, f"{kind}({name})" if name else repr(item))


def constrained(type_: Type, constraints: list[Constraint]) -> Type:
    """A type with constraints; those on `T | None` and `A | B` are about `T`, `A` and `B`.

    Raises:
        Refused: the constraints contradict each other, or cannot apply to the type.
    """
    if not constraints:
        return type_
    match type_:
        case Scalar() | WellKnown() | ListOf() | MapOf():
            return dataclasses.replace(type_, rules=_rules(type_, constraints))
        case Optional(item=item):
            return Optional(constrained(item, constraints))
        case Union(members=members):
            return _members(members, constraints)
        case AnyValue() | Choice() | EnumOf() | Image() | Tensor() | Record() | Ref() | Nothing():
            stated = [c for c in constraints if c.rule]
            if stated:
                raise Refused(THIS, f"cannot have the constraint {stated[0].written}", "Leave it out.")
            return type_
        case Unknown():
            return type_
        case _:
            assert_never(type_)


def _members(members: tuple[Type, ...], constraints: list[Constraint]) -> Union:
    """Each constraint on the members that it fits. One that fits none is like one on such a member alone."""
    able = [m for m in members if isinstance(m, Scalar | WellKnown | ListOf | MapOf)]
    stray = [c for c in constraints if c.rule and not any(c.rule in _applicable(m) for m in able)]
    if stray and not able:
        raise Refused(THIS, f"has no member that can have the constraint {stray[0].written}", "Leave it out.")
    return Union(tuple(_member(m, constraints, stray) for m in members))


def _member(member: Type, constraints: list[Constraint], stray: list[Constraint]) -> Type:
    if not isinstance(member, Scalar | WellKnown | ListOf | MapOf):
        return member
    can = _applicable(member)
    return constrained(member, [c for c in constraints if not c.rule or c.rule in can or c in stray])


def _applicable(type_: Scalar | WellKnown | ListOf | MapOf) -> frozenset[str]:
    """The rules that the contract can state for a type."""
    match type_:
        case ListOf() | MapOf():
            return _LENGTHS
        case Scalar(kind=kind):
            return _OF_SCALARS[kind]
        case WellKnown(kind=kind):
            return _BOUNDS if KINDS[kind].bounds else frozenset()


def _rules(type_: Scalar | WellKnown | ListOf | MapOf, constraints: list[Constraint]) -> Rules:
    can = _applicable(type_)
    asked = [*asked_by(type_.rules), *constraints]
    stated = [(c.rule, c.value) for c in asked if c.rule in can]
    unmapped = [c.written for c in asked if c.rule not in can]
    if isinstance(type_, Scalar | WellKnown):
        low, high = bounds(type_, [(rule, value) for rule, value in stated if rule in _BOUNDS])
    else:
        low, high = {}, {}
    patterns = list(dict.fromkeys(re2(value) for rule, value in stated if rule == "pattern"))
    unmapped += [f"pattern={extra!r}" for extra in patterns[1:]]
    shortest, longest = _lengths(stated)
    return Rules(
        **low,
        **high,
        multiple_of=_multiple([value for rule, value in stated if rule == "multiple_of"]),
        min_len=shortest,
        max_len=longest,
        pattern=patterns[0] if patterns else None,
        finite=any(rule == "finite" for rule, _ in stated),
        unique=type_.rules.unique,
        format=type_.rules.format,
        unmapped=tuple(dict.fromkeys(unmapped)),
    )


def asked_by(rules: Rules) -> list[Constraint]:
    """What a type asks already, so that a new constraint can only ask for more."""
    named = [(rule, getattr(rules, rule)) for rule in _RULES.values()]
    stated = [Constraint(rule, value, f"{rule}={value!r}") for rule, value in named if value is not None]
    finite = [Constraint("finite", True, "isfinite")] if rules.finite else []
    return [*stated, *finite, *(Constraint("", None, written) for written in rules.unmapped)]


def _lengths(stated: list[tuple[str, Any]]) -> tuple[int | None, int | None]:
    shortest = max((_length(v) for rule, v in stated if rule == "min_len"), default=0)
    longest = min((_length(v) for rule, v in stated if rule == "max_len"), default=None)
    if longest is not None and longest < shortest:
        raise Refused(THIS, f"must be at least {shortest} and at most {longest} long", "Correct the lengths.")
    return shortest or None, longest


def _length(value: Any) -> int:
    number = _whole(value)
    if number is None or not 0 <= number <= INT64_MAX:
        raise Refused(THIS, f"has the length {value!r}, which nothing can have", "Write a whole number, zero or more.")
    return number


def _multiple(values: list[Any]) -> int | None:
    if not values:
        return None
    steps = [number for number in map(_whole, values) if number is not None and number > 0]
    if len(steps) < len(values):
        raise Refused(THIS, f"must be a multiple of {values[0]!r}", "Write a whole number above zero.")
    step = math.lcm(*steps)
    if step > INT64_MAX:
        raise Refused(THIS, f"must be a multiple of {step}, which is beyond 64 bits", "Write a smaller number.")
    return step


def _whole(value: Any) -> int | None:
    """A whole number of any class (`2.0`, numpy's); None for anything else."""
    try:
        return int(value) if value == int(value) else None
    except (TypeError, ValueError, OverflowError):
        return None
