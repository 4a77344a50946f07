"""`Annotated` metadata and pydantic's fields → the rules that a contract states."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import re
import typing
import uuid
from typing import Annotated, Any, Literal

import annotated_types as at
import numpy as np
import pydantic
import pytest

from meshgen import Float32, Int32
from meshgen.schema.model import EnumOf, ListOf, MapOf, Optional, Record, Type, Union, Unknown
from meshgen.schema.re2 import re2
from meshgen.schema.reflect.reflector import reflect
from meshgen.schema.rules import Rules
from meshgen.schema.unsupported import Refused

UTC = dt.UTC
NEW_YEAR = dt.datetime(2020, 1, 1, tzinfo=UTC)


class Colour(enum.Enum):
    RED = 1


AtLeast3 = typing.NewType("AtLeast3", Annotated[int, at.Ge(3)])  # type: ignore[valid-newtype]


class Nickname(pydantic.BaseModel):
    text: Annotated[str, pydantic.Field(min_length=1)] | None = pydantic.Field(default=None, max_length=5)


class Search(pydantic.BaseModel):
    text: str = pydantic.Field(min_length=1, max_length=9, pattern="^a")
    limit: pydantic.PositiveInt = 10
    ratio: float = pydantic.Field(default=0.5, gt=0, lt=1, allow_inf_nan=False)
    tags: list[Annotated[str, pydantic.StringConstraints(min_length=2)]] = pydantic.Field(max_length=3)
    code: Annotated[str, pydantic.StringConstraints(to_upper=True, pattern="^[A-Z]+$", max_length=3)] = "A"


def asked(rules: Rules) -> dict[str, Any]:
    """What is not left to its default."""
    return {f.name: getattr(rules, f.name) for f in dataclasses.fields(Rules) if getattr(rules, f.name) != f.default}


def rules_of(type_: Type) -> dict[str, Any]:
    match type_:
        case Optional(item=item):
            return rules_of(item)
        case _:
            return asked(type_.rules)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("annotation", "rules"),
    [
        (Annotated[int, at.Ge(0), at.Lt(5)], {"ge": 0, "lt": 5}),
        (Annotated[int, at.Interval(gt=0, le=5)], {"gt": 0, "le": 5}),
        (Annotated[int, at.Ge(0), at.Ge(3), at.Gt(3)], {"gt": 3}),
        (Annotated[int, at.Le(3), at.Lt(9)], {"le": 3}),
        (Annotated[int, pydantic.Field(ge=0)], {"ge": 0}),
        (Annotated[int | None, pydantic.Field(ge=0)], {"ge": 0}),
        (Annotated[int, at.Gt(0.5)], {"ge": 1}),
        (Annotated[int, at.Lt(2.0)], {"lt": 2}),
        (Annotated[int, at.Ge(np.int64(3))], {"ge": 3}),
        (Annotated[int, at.MultipleOf(4), at.MultipleOf(6)], {"multiple_of": 12}),
        (pydantic.conint(ge=1, multiple_of=3), {"ge": 1, "multiple_of": 3}),
        (pydantic.PositiveInt, {"gt": 0}),
        (Annotated[int, Int32, at.Le(7)], {"le": 7}),
        (Annotated[float, at.Ge(1)], {"ge": 1.0}),
        (Annotated[float, Float32, at.Le(0.1)], {"le": 0.10000000149011612}),
        (pydantic.FiniteFloat, {"finite": True}),
        (at.IsFinite[float], {"finite": True}),
        (Annotated[float, at.MultipleOf(0.5)], {"unmapped": ("multiple_of=0.5",)}),
        (Annotated[str, at.Len(1, 5)], {"min_len": 1, "max_len": 5}),
        (Annotated[str, at.MinLen(0)], {}),
        (Annotated[str, pydantic.Field(pattern=re.compile("^a$", re.IGNORECASE))], {"pattern": "(?i)^a$"}),
        (Annotated[str, at.Ge("a")], {"unmapped": ("ge='a'",)}),
        (Annotated[str, at.Predicate(str.islower)], {"unmapped": ("Predicate(islower)",)}),
        (Annotated[str, pydantic.AfterValidator(str.upper)], {"unmapped": ("AfterValidator(upper)",)}),
        (
            pydantic.constr(strip_whitespace=True, min_length=1, max_length=3, pattern="a"),
            {"min_len": 1, "unmapped": ("pattern='a'", "max_length=3")},
        ),
        (pydantic.EmailStr, {"format": "email"}),
        (Annotated[bytes, at.MaxLen(3)], {"max_len": 3}),
        (Annotated[bool, at.Ge(0)], {"unmapped": ("ge=0",)}),
        (Annotated[list[int], at.Len(1, 2)], {"min_len": 1, "max_len": 2}),
        (Annotated[dict[str, int], at.MinLen(1)], {"min_len": 1}),
        (Annotated[set[int], at.MinLen(1)], {"min_len": 1, "unique": True}),
        (set[Colour], {"unique": True}),
        (set[uuid.UUID], {"unique": True}),
        (set[dt.date], {}),
        (set[tuple[int, ...]], {}),
        (Annotated[dt.datetime, at.Ge(NEW_YEAR)], {"ge": NEW_YEAR}),
        (Annotated[dt.datetime, at.Timezone(...)], {}),
        (Annotated[dt.timedelta, at.Gt(dt.timedelta(0))], {"gt": dt.timedelta(0)}),
        (Annotated[decimal.Decimal, at.Ge(0)], {"unmapped": ("ge=0",)}),
        (Annotated[dt.date, at.Ge(dt.date(2020, 1, 1))], {"unmapped": ("ge=datetime.date(2020, 1, 1)",)}),
        (pydantic.condecimal(max_digits=3), {"unmapped": ("max_digits=3",)}),
        (pydantic.UUID4, {"unmapped": (repr(pydantic.types.UuidVersion(4)),)}),
        (uuid.UUID, {}),
        (Annotated[Annotated[str, at.MinLen(1)] | None, at.MaxLen(5)], {"min_len": 1, "max_len": 5}),
        (Annotated[Annotated[int, at.Ge(3)] | None, at.Ge(1)], {"ge": 3}),
        (Annotated[Annotated[int, at.Gt(0)] | None, at.Ge(5)], {"ge": 5}),
        (Annotated[Annotated[int, at.Ge(3)] | None, Int32], {"ge": 3}),
        (Annotated[Annotated[float, at.Le(0.1)] | None, Float32], {"le": 0.10000000149011612}),
        (Annotated[pydantic.FiniteFloat | None, at.MultipleOf(2)], {"finite": True, "unmapped": ("multiple_of=2",)}),
        (Annotated[Annotated[int, at.MultipleOf(4)] | None, at.MultipleOf(6)], {"multiple_of": 12}),
        (Annotated[AtLeast3, at.Ge(1)], {"ge": 3}),
        (Annotated[pydantic.EmailStr, at.MaxLen(9)], {"format": "email", "max_len": 9}),
        (Annotated[pydantic.PastDatetime, at.Gt(NEW_YEAR)], {"gt": NEW_YEAR, "unmapped": ("PastDatetime",)}),
        (Annotated[int, "a text", print], {}),
    ],
    ids=str,
)
def test_rules(annotation: Any, rules: dict[str, Any]) -> None:
    assert rules_of(reflect(annotation)) == rules


def test_rules_of_items_keys_values_and_members() -> None:
    listed = reflect(list[Annotated[str, at.MinLen(1)]])
    assert isinstance(listed, ListOf)
    assert (rules_of(listed), rules_of(listed.item)) == ({}, {"min_len": 1})
    mapped = reflect(dict[Annotated[str, at.MinLen(1)], pydantic.PositiveInt])
    assert isinstance(mapped, MapOf)
    assert (rules_of(mapped.key), rules_of(mapped.value)) == ({"min_len": 1}, {"gt": 0})
    union = reflect(Annotated[int | str, at.Ge(0), at.MinLen(2)])
    assert isinstance(union, Union)
    assert [rules_of(m) for m in union.members] == [{"ge": 0}, {"min_len": 2}]


def test_what_fits_no_member_is_not_forgotten() -> None:
    union = reflect(Annotated[bool | dt.datetime | Colour, at.MinLen(1), at.Ge(NEW_YEAR)])
    assert isinstance(union, Union)
    rules = {str(m): rules_of(m) for m in union.members if not isinstance(m, EnumOf)}
    stray = ("min_length=1",)
    assert rules == {"bool": {"unmapped": stray}, "datetime": {"ge": NEW_YEAR, "unmapped": stray}}


def test_rules_of_a_field_add_to_those_of_its_annotation() -> None:
    record = reflect(Nickname)
    assert isinstance(record, Record)
    assert rules_of(record.fields[0].type) == {"min_len": 1, "max_len": 5}


def test_rules_of_a_model() -> None:
    record = reflect(Search)
    assert isinstance(record, Record)
    assert {f.name: rules_of(f.type) for f in record.fields} == {
        "text": {"min_len": 1, "max_len": 9, "pattern": "^a"},
        "limit": {"gt": 0},
        "ratio": {"gt": 0.0, "lt": 1.0, "finite": True},
        "tags": {"max_len": 3},
        "code": {"max_len": 3, "unmapped": ("pattern='^[A-Z]+$'",)},
    }


@pytest.mark.parametrize(
    ("annotation", "reason"),
    [
        (Annotated[float, at.Ge(float("nan"))], "NaN as a bound"),
        (Annotated[float, at.Lt(float("inf"))], "infinite bound"),
        (Annotated[int, at.Ge(1 << 70)], "beyond 64 bits"),
        (Annotated[int, Int32, at.Ge(1 << 31)], "beyond 32 bits"),
        (Annotated[float, Float32, at.Ge(1e300)], "beyond single precision"),
        (Annotated[int, at.Ge(5), at.Lt(2)], ">= 5 and < 2"),
        (Annotated[int, at.Gt(4), at.Lt(5)], "> 4 and < 5"),
        (Annotated[float, at.Gt(4), at.Le(4)], "> 4.0 and <= 4.0"),
        (Annotated[Annotated[int, at.Ge(5)] | None, at.Le(2)], ">= 5 and <= 2"),
        (Annotated[Annotated[int, at.Ge(1 << 31)] | None, Int32], "beyond 32 bits"),
        (Annotated[str, at.Len(5, 2)], "at least 5 and at most 2"),
        (Annotated[int, at.Ge("a")], "no such number"),
        (Annotated[int, at.MultipleOf(0)], "multiple of 0"),
        (Annotated[int, at.MultipleOf(float("nan"))], "multiple of nan"),
        (Annotated[int, at.MultipleOf(float("inf"))], "multiple of inf"),
        (Annotated[int, at.MultipleOf(1 << 64)], "beyond 64 bits"),
        (Annotated[list[int], at.MinLen(-1)], "the length -1"),
        (Annotated[list[int], at.MaxLen(-1)], "the length -1"),
        (Annotated[str, at.Len(-3, 5)], "the length -3"),
        (Annotated[dict[str, int], at.MaxLen(1 << 64)], "the length 18446744073709551616"),
        (Annotated[str, at.MinLen(1.5)], "the length 1.5"),
        (Annotated[int, at.Ge(decimal.Decimal("NaN"))], "NaN as a bound"),
        (Annotated[int, at.Ge(np.array([1, 2]))], "no such number"),
        (Annotated[dt.timedelta, at.Le(dt.timedelta.max)], "beyond protobuf's Duration"),
        (
            Annotated[dt.datetime, at.Ge(dt.datetime(1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=5))))],
            "UTC cannot write",
        ),
        (Annotated[dt.datetime, at.Ge(dt.datetime(2020, 1, 1))], "no moment in time"),
        (Annotated[dt.datetime, at.Timezone(None)], "without a time zone"),
        (Annotated[Literal["a"], at.MinLen(1)], "cannot have the constraint min_length=1"),
        (Annotated[Colour, at.Ge(0)], "cannot have the constraint ge=0"),
        (Annotated[Colour | Nickname, at.MinLen(1)], "no member that can have the constraint min_length=1"),
        (Annotated[Any, at.Ge(0)], "cannot have the constraint ge=0"),
        (list[Annotated[str, pydantic.Field(pattern="(")]], "holds `str`, which has the pattern '('"),
    ],
    ids=str,
)
def test_what_cannot_be_said(annotation: Any, reason: str) -> None:
    found = reflect(annotation)
    assert isinstance(found, Unknown)
    assert reason in found.reason
    assert found.hint


@pytest.mark.parametrize(
    "pattern",
    [
        r"^[a-z]+$",
        r"\bfoo",
        "a*?",
        "(?i)a",
        "(?i:a)",
        "é",
        r"[^\]a]",
        r"\x41",
        r"\\1",
        r"[\d\-]",
        "(?:a|b)",
        "(?P<n>a)",
        r"\pL",
        "[[:alpha:]_]",
    ],
)
def test_patterns_of_re2(pattern: str) -> None:
    assert re2(pattern) == pattern


def test_the_end_of_the_text_is_written_as_re2_has_it() -> None:
    assert re2(r"^a\Z") == "^a$"


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(?=x)", r"invalid perl operator: \(\?="),
        ("(?<!x)", "invalid perl operator"),
        (r"(a)\1", "invalid escape sequence"),
        ("(?P<n>a)(?P=n)", "invalid perl operator"),
        ("a++", "bad repetition operator"),
        ("(?>a)", "invalid perl operator"),
        ("x{2000}", "invalid repetition size"),
        ("(", "missing"),
        ("(?x)a", "invalid perl operator"),
        (r"\u00e9", "invalid escape sequence"),
        ("[[a]b]", "set operation"),
        ("[a&&b]", "set operation"),
        (re.compile("a", re.VERBOSE), "flags"),
    ],
    ids=str,
)
def test_patterns_that_re2_has_not(pattern: Any, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        re2(pattern)
