"""Which type feeds which, and which value is of which type."""

from __future__ import annotations

import datetime as dt
import enum
import uuid
from collections import deque
from collections.abc import Collection, MutableSequence, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, NamedTuple, NotRequired, Self, TypedDict, TypeVar

import numpy as np
import pydantic
import pytest
import torch
from annotated_types import Ge
from numpy.typing import NDArray
from PIL import Image as PilImage

from meshgen import Float32, Int32, TensorSpec
from meshgen.schema.model import Record, Type
from meshgen.schema.reflect.reflector import reflect
from meshgen.schema.relate.assignable import feeds, holds

T = TypeVar("T")


class Colour(enum.Enum):
    RED = 1


class Shade(str, enum.Enum):  # noqa: UP042 - as people write it
    DARK = "dark"


class Point(NamedTuple):
    x: float


class Options(TypedDict):
    depth: int
    names: NotRequired[list[str]]


class Blobs(TypedDict):
    blob: bytes


class TreeDict(TypedDict):
    children: list[TreeDict]


@dataclass
class Base:
    name: str


@dataclass
class Derived(Base):
    more: int = 3


@dataclass
class Renamed(Base):
    pass


@dataclass
class Tree:
    children: list[Tree]


@dataclass
class Box(Generic[T]):
    item: T
    next: Box[T] | None = None


@dataclass
class IntBox(Box[int]):
    pass


@dataclass
class Kids(Generic[T]):
    item: T
    kids: list[Self]


@dataclass
class IntKids(Kids[int]):
    pass


class Page(pydantic.BaseModel, Generic[T]):
    items: list[T]


def inner(annotation: Any) -> Type:
    """The reference to a record that is inside of it."""
    record = reflect(annotation)
    assert isinstance(record, Record)
    return record.fields[0].type.item  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("source", "target", "fits"),
    [
        (int, float, True),
        (float, int, False),
        (bool, int, False),
        (int, Annotated[int, Int32], True),
        (Annotated[int, Int32], float, True),
        (float, Annotated[float, Float32], True),
        (int, Annotated[int, Ge(0)], True),
        (int, int | None, True),
        (int | None, int, False),
        (None, int | None, True),
        (Literal["a"], str, True),
        (Literal[1], float, True),
        (Literal[1], str, False),
        (Literal["a"], Literal["a", "b"], True),
        (Literal["a", "b"], Literal["a"], False),
        (Literal[1], Literal[1, 2], True),
        (list[int], list[float], True),
        (list[int], set[int], False),
        (list[int], list[int | None], True),
        (dict[str, int], dict[str, float], True),
        (dict[str, int], dict[int, int], False),
        (Renamed, Base, True),
        (Derived, Base, False),  # its `more` would be lost
        (Derived, Base | Derived, True),
        (Base, Derived, False),
        (Options, Options, True),
        (Options, Blobs, False),
        (tuple[int, str], tuple[float, str], True),
        (tuple[int, str], tuple[int, str, str], False),
        (tuple[int, ...], Sequence[int], True),
        (tuple[int, ...], Collection[float], True),
        (tuple[int, ...], MutableSequence[int], False),
        (tuple[int, ...], list[int], False),
        (tuple[int, str], Sequence[int | str], True),
        (tuple[int, str], Sequence[int], False),
        (tuple[int, int], tuple[int, ...], True),
        (frozenset[int], AbstractSet[int], True),
        (frozenset[int], set[int], False),
        (Point, tuple[float], True),
        (Point, tuple[str], False),
        (Point, tuple[float, float], False),
        (Point, Sequence[float], True),
        (tuple[float], Point, False),
        (NDArray[np.float32], np.ndarray, True),
        (np.ndarray, NDArray[np.float32], True),
        (NDArray[np.float32], NDArray[np.float64], False),
        (Annotated[np.ndarray, TensorSpec(shape=(3, None))], Annotated[np.ndarray, TensorSpec(shape=(None, 4))], True),
        (Annotated[np.ndarray, TensorSpec(shape=(3, 5))], Annotated[np.ndarray, TensorSpec(shape=(None, 4))], False),
        (Annotated[np.ndarray, TensorSpec(shape=(3,))], Annotated[np.ndarray, TensorSpec(shape=(3, 1))], False),
        (np.ndarray, torch.Tensor, False),
        (PilImage.Image, np.ndarray, False),
        (dt.datetime, dt.datetime, True),
        (dt.datetime, dt.date, False),
        (uuid.UUID, str, False),
        # unions
        (int, int | str, True),
        (bool, int | str, False),
        (int, float | str, True),
        (int | str, int | str | None, True),
        (int | str, str | int | bool, True),
        (int | bytes, int | str, False),
        (int | bool, int, False),
        (int | Literal["a"], int | str, True),
        (Renamed, Base | int, True),
        (list[int], list[int] | None, True),
        (list[int], list[int | str], True),
        # Any is what JSON can hold
        (Any, Any, True),
        (int, Any, True),
        (None, Any, True),
        (dict[str, list[float | None]], Any, True),
        (Options, Any, True),
        (TreeDict, Any, True),
        (int | str, Any, True),
        (bytes, Any, False),
        (Base, Any, False),
        (tuple[int, ...], Any, False),
        (dict[int, str], Any, False),
        (Blobs, Any, False),
        (Any, int, True),
        (Any, list[int], True),
        (Any, Options, True),
        (Any, int | bytes, True),
        (Any, Base, False),
        (Any, np.ndarray, False),
        # generics
        (Box[int], Box[int], True),
        (Box[int], Box[float], True),
        (Box[int], Box[str], False),
        (IntBox, Box[int], True),
        (IntBox, Box[float], True),
        (IntBox, Box[str], False),
        (IntKids, Kids[int], True),
        (IntKids, Kids[str], False),
        (Page[int], Page[float], True),
        (Page[int], Page[str], False),
    ],
    ids=str,
)
def test_feeds(source: Any, target: Any, fits: bool) -> None:
    assert feeds(reflect(source), reflect(target)) is fits


def test_a_reference_is_its_record() -> None:
    tree, ref = reflect(Tree), inner(Tree)
    assert str(ref) == "Tree"
    for source in (tree, ref):
        for target in (tree, ref):
            assert feeds(source, target)
    assert not feeds(ref, reflect(Base))
    assert not feeds(reflect(Base), ref)
    assert holds(Tree([]), ref)
    assert not holds(Base("a"), ref)


@pytest.mark.parametrize(
    ("value", "annotation", "fits"),
    [
        (1, float, True),
        (np.int64(3), int, True),
        (np.float32(0.5), float, True),
        (np.int64(3), float, True),
        ((1 << 53) + 1, float, False),
        (np.bool_(True), float, False),
        (np.complex128(1), float, False),
        ("\ud800", str, False),
        ({"depth": 1, "deep": 2}, Options, False),
        (True, int, False),
        (1 << 63, int, False),
        (1 << 31, Annotated[int, Int32], False),
        (1 << 30, Annotated[int, Int32], True),
        (0.5, Annotated[float, Float32], True),
        (None, int | None, True),
        ("c", Literal["a"], False),
        (True, Literal[1], False),
        (1, Literal[1, 2], True),
        ([1, "a"], list[int], False),
        ([1, "a"], list[int | str], True),
        ([1, None], list[int | None], True),
        ({"a": 1}, dict[str, float], True),
        ((1, "a"), tuple[int, str], True),
        ((1, 2), Sequence[int], True),
        (deque([1]), Sequence[int], True),
        ("ab", Sequence[str], False),
        ((1, 2), list[int], False),
        (frozenset({1}), AbstractSet[int], True),
        ({"depth": 1}, Options, True),
        ({"depth": 1, "names": ["a"]}, Options, True),
        ({"depth": 1, "names": 3}, Options, False),
        ({"deep": 1}, Options, False),
        (Base("n"), Base, True),
        (Base("n"), Base | int, True),
        ("n", Base | int, False),
        (Page[int](items=[]), Page[int], True),
        (Page(items=[]), Page[int], True),
        (np.zeros(1), np.ndarray, True),
        (PilImage.new("L", (1, 1)), PilImage.Image, True),
        (Colour.RED, Colour, True),
        (Shade.DARK, str, True),
        ("dark", Shade, False),
        (dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.datetime, True),
        (dt.datetime(2020, 1, 1), dt.datetime, False),
        (dt.datetime(2020, 1, 1), dt.date, False),
        (dt.date(2020, 1, 1), dt.date, True),
        (dt.timedelta(1), dt.timedelta, True),
        (Decimal("1.5"), Decimal, True),
        (Decimal("nan"), Decimal, False),
        (uuid.UUID(int=0), uuid.UUID, True),
        ("00000000-0000-0000-0000-000000000000", uuid.UUID, False),
        ({"a": [1, None, 0.5, "x", True]}, Any, True),
        ({1: 2}, Any, False),
        ((1,), Any, False),
        (1 << 60, Any, False),
        (float("nan"), Any, False),
        (b"", Any, False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_holds(value: Any, annotation: Any, fits: bool) -> None:
    assert holds(value, reflect(annotation)) is fits


def test_what_is_nested_deeper_than_any_message_is_held_by_nothing() -> None:
    box, tree = Box(1), {}
    for _ in range(3000):
        box, tree = Box(1, box), {"children": [tree]}
    assert not holds(box, reflect(Box[int] | Box[float]))
    assert not holds(tree, reflect(TreeDict))
