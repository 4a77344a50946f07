"""Annotations → schema, and which type feeds which."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NamedTuple, NewType, TypedDict

import numpy as np
import pydantic
import pytest
from numpy.typing import NDArray
from PIL import Image as PilImage

from meshgen.schema.compat import feeds, holds
from meshgen.schema.model import (
    Choice,
    EnumOf,
    Image,
    ListOf,
    MapOf,
    Nothing,
    Optional,
    Record,
    Scalar,
    Tensor,
    Type,
    Unknown,
)
from meshgen.schema.reflect import reflect

INT, FLOAT, STR = Scalar("int"), Scalar("float"), Scalar("str")


class Colour(enum.Enum):
    RED = 1


class Point(NamedTuple):
    x: float
    y: float = 0.0


class Options(TypedDict):
    depth: int


@dataclass
class Base:
    """A documented record."""

    name: str
    tags: list[str] = field(default_factory=list)
    hidden: int = field(default=0, init=False)


@dataclass
class Derived(Base):
    more: int = 3


class Model(pydantic.BaseModel):
    size: int
    ratio: float = pydantic.Field(default=0.5, ge=0)
    label: str = pydantic.Field(default_factory=lambda: "none", alias="LABEL")


@dataclass
class Tree:
    children: list[Tree]


UserId = NewType("UserId", int)


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (int, INT),
        (UserId, INT),
        (Annotated[int, "positive"], INT),
        (None, Nothing()),
        (int | None, Optional(INT)),
        (list[int], ListOf(INT)),
        (Sequence[int], ListOf(INT)),
        (set[str], ListOf(STR, "set")),
        (frozenset[str], ListOf(STR, "frozenset")),
        (tuple[float, ...], ListOf(FLOAT, "tuple")),
        (list[list[float]], ListOf(ListOf(FLOAT))),
        (dict[str, int], MapOf(STR, INT)),
        (Mapping[int, list[str]], MapOf(INT, ListOf(STR))),
        (Colour, EnumOf(Colour)),
        (Literal["a", "b"], Choice(("a", "b"))),
        (np.ndarray, Tensor("numpy")),
        (NDArray[np.float32], Tensor("numpy", "float32")),
        (NDArray[Any], Tensor("numpy")),
        (PilImage.Image, Image()),
    ],
    ids=str,
)
def test_mapped(annotation: Any, expected: Type) -> None:
    assert reflect(annotation) == expected


@pytest.mark.parametrize(
    ("annotation", "kind", "fields"),
    [
        (Point, "namedtuple", [("x", True), ("y", False)]),
        (Options, "typeddict", [("depth", True)]),
        (Base, "dataclass", [("name", True), ("tags", False)]),
        (Model, "pydantic", [("size", True), ("ratio", False), ("label", False)]),
        (tuple[int, str], "tuple", [("item_0", True), ("item_1", True)]),
    ],
    ids=str,
)
def test_records(annotation: Any, kind: str, fields: list[tuple[str, bool]]) -> None:
    record = reflect(annotation)
    assert isinstance(record, Record)
    assert (record.kind, [(f.name, f.required) for f in record.fields]) == (kind, fields)


def test_a_record_constructs_and_reads_its_values() -> None:
    cases: list[tuple[Any, dict[str, Any], Any]] = [
        (Point, {"x": 1.0, "y": 2.0}, Point(1.0, 2.0)),
        (Options, {"depth": 3}, {"depth": 3}),
        (Base, {"name": "n", "tags": []}, Base("n")),
        (Model, {"size": 1, "ratio": 0.5, "label": "l"}, Model(size=1, LABEL="l")),
        (tuple[int, str], {"item_0": 1, "item_1": "a"}, (1, "a")),
    ]
    for annotation, values, expected in cases:
        record = reflect(annotation)
        assert isinstance(record, Record)
        made = record.construct(values)
        assert made == expected
        assert {f.name: record.get(made, f.name) for f in record.fields} == values


def test_only_a_docstring_that_a_person_wrote_counts() -> None:
    assert reflect(Base).doc == "A documented record."  # type: ignore[union-attr]
    assert reflect(Derived).doc == ""  # type: ignore[union-attr]
    assert reflect(Point).doc == ""  # type: ignore[union-attr]
    assert reflect(Model).doc == ""  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("annotation", "reason"),
    [
        (Any, "has no shape"),
        (int | str, "is a union"),
        (list, "does not say what it holds"),
        (Literal[1, 2], "not str"),
        (dt.datetime, "has no contract"),
        (dict[float, int], "keys of type float"),
        (list[int | None], "may hold None"),
        (dict[str, int | None], "may hold None"),
        (Tree, "refers to itself"),
        (list[int | str], "is a union"),
        ("Nowhere", "cannot be resolved"),
    ],
    ids=str,
)
def test_what_has_no_contract_says_why_and_the_way_out(annotation: Any, reason: str) -> None:
    found = reflect(annotation)
    assert isinstance(found, Unknown)
    assert reason in found.reason
    assert found.hint


@pytest.mark.parametrize(
    ("source", "target", "fits"),
    [
        (int, float, True),
        (float, int, False),
        (bool, int, False),
        (int, int | None, True),
        (int | None, int, False),
        (None, int | None, True),
        (Literal["a"], str, True),
        (Literal["a"], Literal["a", "b"], True),
        (Literal["a", "b"], Literal["a"], False),
        (list[int], list[float], True),
        (list[int], set[int], False),
        (dict[str, int], dict[str, float], True),
        (Derived, Base, True),
        (Base, Derived, False),
        (tuple[int, str], tuple[float, str], True),
        (tuple[int, str], tuple[int, str, str], False),
        (NDArray[np.float32], np.ndarray, True),
        (NDArray[np.float32], NDArray[np.float64], False),
        (PilImage.Image, np.ndarray, False),
        (Any, int, True),
    ],
    ids=str,
)
def test_feeds(source: Any, target: Any, fits: bool) -> None:
    assert feeds(reflect(source), reflect(target)) is fits


@pytest.mark.parametrize(
    ("value", "annotation", "fits"),
    [
        (1, float, True),
        (True, int, False),
        (None, int | None, True),
        ("c", Literal["a"], False),
        ([1, "a"], list[int], False),
        ({"a": 1}, dict[str, float], True),
        ((1, "a"), tuple[int, str], True),
        ({"depth": 1}, Options, True),
        ({"deep": 1}, Options, False),
        (Base("n"), Base, True),
        (np.zeros(1), np.ndarray, True),
        (PilImage.new("L", (1, 1)), PilImage.Image, True),
        (Colour.RED, Colour, True),
    ],
    ids=lambda value: type(value).__name__,
)
def test_holds(value: Any, annotation: Any, fits: bool) -> None:
    assert holds(value, reflect(annotation)) is fits
