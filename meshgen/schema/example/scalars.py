"""Numbers, moments, texts and bytes that keep their rules: the plainest that there is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from meshgen.schema.check.rule_tests import tests_of
from meshgen.schema.example.pattern import texts_matching
from meshgen.schema.model import ListOf, MapOf, Scalar, WellKnown
from meshgen.schema.rules import Rules

_TEXT = "text"
_FORMATS: Mapping[str, str] = {
    "email": "user@example.com",
    "hostname": "example.com",
    "ip": "192.0.2.1",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
}
_WELL_KNOWN: Mapping[type, Any] = {
    datetime: datetime(2026, 1, 1, 12, tzinfo=UTC),
    timedelta: timedelta(seconds=1),
    date: date(2026, 1, 1),
    Decimal: Decimal("1.5"),
    UUID: UUID("123e4567-e89b-42d3-a456-426614174000"),
}
_PLAIN: Mapping[str, Any] = {"bool": True, "int": 1, "int32": 1, "float": 1.0, "float32": 1.0}
_UNITS: Mapping[type, Any] = {int: 1, float: 1.0, datetime: timedelta(seconds=1), timedelta: timedelta(seconds=1)}
_LONGEST = 10_000


class NoExampleError(Exception):
    """No value was found that keeps all rules."""


def scalar(type_: Scalar, index: int = 0) -> Any:
    """A value of the type; the elements of a set ask for a different one at each index."""
    if type_.kind == "str":
        return _first(type_, _texts(type_.rules, index))
    if type_.kind == "bytes":
        return _first(type_, (text.encode() for text in _sized(_numbered(index), type_.rules)))
    if type_.kind == "bool":
        return index % 2 == 0
    return _first(type_, _numbers(_PLAIN[type_.kind], type_.rules, index))


def well_known(type_: WellKnown, python: type, index: int = 0) -> Any:
    """A value of a class of the standard library."""
    plain = _WELL_KNOWN.get(python)
    if plain is None:
        raise NoExampleError
    if python in _UNITS:
        return _first(type_, _numbers(plain, type_.rules, index))
    if python is UUID:
        return UUID(int=plain.int + index)
    return plain + timedelta(days=index) if python is date else plain + index


def length(type_: ListOf | MapOf, least: int) -> int:
    """How many elements an example has: one, or as many as are asked for."""
    rules = type_.rules
    number = max(least, 1, rules.min_len or 0)
    if rules.max_len is not None and number > rules.max_len:
        if least > rules.max_len:
            raise NoExampleError
        number = rules.max_len
    if number > _LONGEST:
        raise NoExampleError
    return number


def _first(type_: Scalar | WellKnown, candidates: Iterator[Any]) -> Any:
    tests = [test for test, _ in tests_of(type_)] if type_.rules else []
    for candidate in candidates:
        try:
            if all(test(candidate) for test in tests):
                return candidate
        except (TypeError, ValueError, OverflowError):
            continue
    raise NoExampleError


def _numbers(plain: Any, rules: Rules, index: int) -> Iterator[Any]:
    kind = type(plain)
    unit = _UNITS[kind] if rules.multiple_of is None else kind(rules.multiple_of)
    first = plain if rules.multiple_of is None else unit
    low = rules.ge if rules.ge is not None else rules.gt
    high = rules.le if rules.le is not None else rules.lt
    yield first + index * unit
    if low is not None and high is not None:
        middle = low + (high - low) / 2  # type: ignore[operator]  # both are of the kind
        yield middle if kind is not int else int(middle) + index  # type: ignore[arg-type]  # numbers, then
    for bound, step in ((low, unit), (high, -unit)):
        if bound is not None:
            start = bound if rules.multiple_of is None else bound // unit * unit
            yield from (kind_of(start + (index + n) * step, kind) for n in range(3))
    yield plain - plain if kind is not datetime else plain


def kind_of(value: Any, kind: type) -> Any:
    """A bound may be an int where values are floats."""
    return float(value) if kind is float else value


def _texts(rules: Rules, index: int) -> Iterator[str]:
    if rules.format is not None:
        yield _FORMATS[rules.format]
    yield from _sized(_numbered(index), rules)
    if rules.pattern is not None:
        yield from texts_matching(rules.pattern, at_least=rules.min_len or 0)


def _numbered(index: int) -> str:
    return f"{_TEXT}{index + 1}" if index else _TEXT


def _sized(text: str, rules: Rules) -> Iterator[str]:
    """The text, or as much of it, or of many of it, as may be."""
    shortest, longest = rules.min_len or 0, rules.max_len
    if shortest > _LONGEST:
        raise NoExampleError
    if longest is not None and len(text) > longest:
        text = text[:longest] if text == _TEXT else text[len(text) - longest :]  # the end tells elements apart
    yield text if len(text) >= shortest else (text * shortest)[:shortest]
