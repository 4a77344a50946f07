"""The rules of one value as tests, each with the words for a value that fails it.

The meanings are protovalidate's, which says the same in the contract: NaN is outside of every bound, lengths of text
count code points, patterns are RE2 and match anywhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from meshgen.schema.model import ListOf, MapOf, Scalar, WellKnown
from meshgen.schema.re2 import searcher
from meshgen.schema.rules import Bound, Rules
from meshgen.schema.values.kind import Text
from meshgen.schema.values.scalars import as_float32
from meshgen.schema.values.well_known import KINDS

Test: TypeAlias = tuple[Callable[[Any], bool], str]
"""Whether a value passes; what to say when it does not (`must be at least 0`)."""


def tests_of(type_: Scalar | WellKnown | ListOf | MapOf) -> list[Test]:
    """The tests of a value of this type, not of what is inside of it."""
    rules = type_.rules
    tests = [*_bounds(rules, _shows(type_)), *_numbers(rules), *_lengths(rules, _unit(type_)), *_texts(rules)]
    if type_ == Scalar("float32"):
        tests = [(_single(test), words) for test, words in tests]
    return tests


def _bounds(rules: Rules, shown: Callable[[Bound], str]) -> Iterator[Test]:
    gt, ge, lt, le = rules.gt, rules.ge, rules.lt, rules.le
    if gt is not None:
        yield lambda value: value > gt, f"must be greater than {shown(gt)}"
    if ge is not None:
        yield lambda value: value >= ge, f"must be at least {shown(ge)}"
    if lt is not None:
        yield _below(lambda value: value < lt, rules), f"must be less than {shown(lt)}"
    if le is not None:
        yield _below(lambda value: value <= le, rules), f"must be at most {shown(le)}"


def _below(test: Callable[[Any], bool], rules: Rules) -> Callable[[Any], bool]:
    """The test of an upper bound. A lower one refuses NaN already: once is enough."""
    if rules.gt is None and rules.ge is None:
        return test
    return lambda value: value != value or test(value)


def _numbers(rules: Rules) -> Iterator[Test]:
    factor = rules.multiple_of
    if factor is not None:
        yield lambda value: value % factor == 0, f"must be a multiple of {factor}"
    if rules.finite:
        yield math.isfinite, "must be finite"


def _lengths(rules: Rules, unit: str) -> Iterator[Test]:
    shortest, longest = rules.min_len, rules.max_len
    if shortest is not None and shortest == longest:
        yield lambda value: len(value) == shortest, f"must have exactly {_count(shortest, unit)}"
    elif shortest is not None:
        yield lambda value: len(value) >= shortest, f"must have at least {_count(shortest, unit)}"
    if longest is not None and longest != shortest:
        yield lambda value: len(value) <= longest, f"must have at most {_count(longest, unit)}"
    if rules.unique:
        yield _is_unique, "must have no element twice"


def _texts(rules: Rules) -> Iterator[Test]:
    if rules.pattern is not None:
        yield searcher(rules.pattern), f"must match '{rules.pattern}'"
    if rules.format is not None:
        from meshgen.schema.check.formats import FORMATS  # its patterns take their time to compile

        test, words = FORMATS[rules.format]
        yield test, f"must be {words}"


def _single(test: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: test(as_float32(value))


def _is_unique(values: Any) -> bool:
    try:
        return len(set(values)) == len(values)
    except TypeError:  # elements without a hash
        pass
    seen: list[Any] = []
    for value in values:
        if value in seen:
            return False
        seen.append(value)
    return True


def _unit(type_: Scalar | WellKnown | ListOf | MapOf) -> str:
    match type_:
        case ListOf():
            return "element"
        case MapOf():
            return "entry"
        case Scalar(kind="bytes"):
            return "byte"
        case Scalar() | WellKnown():
            return "character"


def _count(number: int, unit: str) -> str:
    if number == 1:
        return f"1 {unit}"
    return f"{number} {'entries' if unit == 'entry' else f'{unit}s'}"


def _shows(type_: Scalar | WellKnown | ListOf | MapOf) -> Callable[[Bound], str]:
    """What writes a bound: as JSON has it, where that is a text."""
    form = KINDS[type_.kind].json if isinstance(type_, WellKnown) else None
    return form.write if isinstance(form, Text) else lambda bound: str(bound).removesuffix(".0")
