"""Traits of types: what is inside of them, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import annotated_types as at
import pytest

from meshgen.schema.model import AnyValue, ListOf, MapOf, Optional, Record, Ref, Scalar, Type, Union, WellKnown
from meshgen.schema.reflect.reflector import reflect
from meshgen.schema.rules import NO_RULES
from meshgen.schema.traits import all_inside, down_to_records, is_deep, parts, rules_of, without_none

INT, STR, MOMENT = Scalar("int"), Scalar("str"), WellKnown("datetime")


@dataclass
class Leaf:
    at: datetime


@dataclass
class Tree:
    leaf: Leaf
    others: list[Leaf]
    children: list[Tree]


@pytest.mark.parametrize(
    ("type_", "expected"),
    [
        (INT, ()),
        (Optional(INT), (INT,)),
        (ListOf(MOMENT, "set"), (MOMENT,)),
        (MapOf(STR, INT), (STR, INT)),
        (Union((INT, STR)), (INT, STR)),
        (reflect(tuple[int, str]), (INT, STR)),
        (reflect(Leaf), (MOMENT,)),
    ],
)
def test_parts_are_what_is_directly_inside(type_: Type, expected: tuple[Type, ...]) -> None:
    assert parts(type_) == expected


def test_what_a_field_holds_ends_at_records() -> None:
    leaf = reflect(Leaf)
    type_ = Optional(MapOf(STR, ListOf(leaf)))
    assert list(down_to_records(type_)) == [type_, type_.item, STR, ListOf(leaf), leaf]


def test_everything_inside_comes_before_its_parts_and_ends_in_a_record_inside_itself() -> None:
    tree = reflect(Tree)
    assert isinstance(tree, Record)
    found = list(all_inside(tree))
    assert found[:3] == [tree, reflect(Leaf), MOMENT]
    assert {inner.record for inner in found if isinstance(inner, Ref)} == {tree}
    assert len(found) < 20


@pytest.mark.parametrize(
    ("annotation", "deep"),
    [(int, False), (Leaf, False), (list[dict[str, Any]], True), (Tree, True), (tuple[int, Any], True)],
)
def test_values_nest_without_end_in_any_and_in_records_inside_themselves(annotation: Any, deep: bool) -> None:
    assert is_deep(reflect(annotation)) is deep


def test_rules_are_those_of_the_value_itself() -> None:
    positive = reflect(Annotated[int, at.Gt(0)])
    assert rules_of(positive).gt == 0
    assert rules_of(ListOf(positive)) == NO_RULES
    assert rules_of(AnyValue()) == NO_RULES


def test_without_none() -> None:
    assert without_none(Optional(INT)) == without_none(INT) == INT
