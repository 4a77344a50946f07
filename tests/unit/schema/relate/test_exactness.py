"""Which member of a union a value is of: what went in comes out, as the same member."""

from __future__ import annotations

import datetime as dt
import enum
import itertools
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, NamedTuple, TypedDict, TypeVar

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schema_samples import codec_of, params, same
from type_values import values

from meshgen.codec.rpc import EncodeError
from meshgen.schema.convert.json_value import from_json, to_json
from meshgen.schema.model import ListOf, MapOf, Type, Union
from meshgen.schema.reflect.oneofs import apart
from meshgen.schema.reflect.reflector import reflect
from meshgen.schema.relate.assignable import holds
from meshgen.schema.wire_names import member_name

T = TypeVar("T")


@dataclass
class Animal:
    name: str


@dataclass
class Dog(Animal):
    bark: int = 1


@dataclass
class Puppy(Dog):
    pass


@dataclass
class Box(Generic[T]):
    item: T


@dataclass
class Chain(Generic[T]):
    items: list[T]
    next: Chain[T] | None = None


class Zed(enum.StrEnum):
    A = "a"


class Level(enum.IntEnum):
    LOW = 1


class Point(NamedTuple):
    x: int
    y: int


class Leaf(TypedDict):
    kids: list[Leaf | Twig]
    a: int


class Twig(TypedDict):
    kids: list[Leaf | Twig]
    b: int


class Red(TypedDict):
    kids: list[Red | Blue]
    tag: Literal["red"]


class Blue(TypedDict):
    kids: list[Red | Blue]
    tag: Literal["blue"]


def there_and_back(annotation: Any, value: Any) -> Any:
    """Through bytes; JSON and the other ways to choose agree."""
    type_ = reflect(annotation)
    codec = codec_of(params(x=type_))
    result = codec.decode_request(codec.encode_request({"x": value}))["x"]
    assert same(from_json(params(x=type_), to_json(params(x=type_), {"x": value}))["x"], result)
    return result


BIG = (1 << 60) + 1


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (list[int] | list[float], [BIG]),
        (list[int] | list[float], [1, 2]),
        (list[int] | list[float], []),
        (dict[str, int] | dict[str, float], {"a": BIG}),
        (tuple[int, int] | tuple[float, float], (1, 2)),
        (tuple[int, float] | tuple[float, float], (1, 2.5)),
        (Box[int] | Box[float], Box(1)),
        (Box[int] | Box[float], Box(1.0)),
        (Box[list[int]] | Box[list[float]], Box([BIG])),
        (Chain[int] | Chain[float], Chain([], Chain([], Chain([BIG])))),
        (Chain[int] | Chain[float], Chain([], Chain([], Chain([0.5])))),
        (list[Animal] | list[Dog], [Dog("a", 2)]),
        (list[Animal] | list[Dog], [Animal("a")]),
        (dict[str, Animal] | dict[str, Dog], {"k": Dog("a", 2)}),
        (list[str] | list[Zed], [Zed.A]),
        (list[str] | list[Zed], ["a"]),
        (str | Zed, Zed.A),
        (int | Level, Level.LOW),
        (list[int] | list[Level], [Level.LOW]),
        (Point | tuple[int, int], Point(1, 2)),
        (Point | tuple[int, int], (1, 2)),
        (list[int | str] | list[float], [1, "a"]),
        (list[list[int]] | list[list[float]], [[], [0.5]]),
        (list[bool] | list[int], [True]),
        (list[bool] | list[int], [1]),
        (list[dt.date] | list[dt.datetime], [dt.datetime(2024, 1, 1, tzinfo=dt.UTC)]),
        (list[Leaf] | list[Twig], [{"kids": [], "b": 1}]),
        (Red | Blue, {"kids": [{"kids": [], "tag": "red"}], "tag": "blue"}),
    ],
    ids=str,
)
def test_a_value_comes_back_as_it_was(annotation: Any, value: Any) -> None:
    assert same(there_and_back(annotation, value), value)
    assert holds(value, reflect(annotation))


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (Animal | Dog, Puppy("a", 3), Dog("a", 3)),
        (int | float, np.int64(BIG), BIG),
        (float | np.ndarray, np.float32(1.5), 1.5),
        (float | np.ndarray, np.float64(1.5), 1.5),
        (bool | np.ndarray, np.bool_(True), True),
        (list[float] | list[str], [np.float32(1)], [1.0]),
        (list[int] | list[float], [np.int64(BIG)], [BIG]),
        (list[int] | list[float], [1, 0.5], [1.0, 0.5]),
        (list[int] | list[float], np.array([1, 2]), [1, 2]),
        (list[float] | np.ndarray, (1, 2), [1.0, 2.0]),
        (Sequence[int] | str, (1, 2), [1, 2]),
        (Sequence[int] | str, deque([1, 2]), [1, 2]),
        (bytes | str, bytearray(b"a"), b"a"),
        pytest.param(bytes | str, memoryview(b"a"), b"a", id="memoryview"),
        (Literal[1, 2] | str, np.int64(2), 2),
    ],
    ids=str,
)
def test_what_counts_as_a_value(annotation: Any, value: Any, expected: Any) -> None:
    assert same(there_and_back(annotation, value), expected)


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (int | str, True),
        (list[int] | list[str], [1, "a"]),
        (float | str, (1 << 53) + 1),
        (float | str, np.complex128(1 + 2j)),
        (list[int] | str, np.array(1.5)),
        (list[int] | dict[str, int], b"a"),
        (Red | Blue, {"kids": [], "tag": "green"}),
        (Leaf | Twig, {"kids": []}),
    ],
    ids=str,
)
def test_a_value_of_no_member(annotation: Any, value: Any) -> None:
    with pytest.raises(EncodeError, match="must be "):
        codec_of(params(x=reflect(annotation))).encode_request({"x": value})
    assert not holds(value, reflect(annotation))


@pytest.mark.parametrize(
    ("annotation", "key"), [(Leaf | Twig, {"b": 1}), (Red | Blue, {"tag": "blue"})], ids=["keys", "tags"]
)
def test_unions_in_unions_take_linear_time(annotation: Any, key: dict[str, Any]) -> None:
    value: dict[str, Any] = {"kids": [], **key}
    for _ in range(40):
        value = {"kids": [value], **key}
    started = time.perf_counter()
    assert there_and_back(annotation, value) == value
    assert holds(value, reflect(annotation))
    assert time.perf_counter() - started < 2


_MEMBERS: list[Any] = [
    *(int, float, bool, str, bytes, dt.datetime, dt.date, Animal, Dog, Zed, Level, Point, Box[int], Box[float]),
    *(Leaf, Twig, Red, Literal["x", "y"], Chain[int], Chain[str], list[int], list[float], set[int], dict[str, float]),
    *(dict[str, int], tuple[int, str], tuple[float, str], tuple[int, ...], list[int | str], list[Animal], list[Dog]),
    *(list[bool], list[Zed], list[str], list[list[int]], list[list[float]], Box[Animal], Box[Dog], dict[str, Dog]),
]
MEMBERS: list[Type] = [reflect(m) for m in _MEMBERS]


def _can_be_members(chosen: list[Type]) -> bool:
    named = {member_name(m) for m in chosen}
    return len(named) == len(chosen) and all(apart(a, b) for a, b in itertools.combinations(chosen, 2))


@st.composite
def _unions(draw: st.DrawFn) -> tuple[Type, Any]:
    """A type with a union in it, and a value of one of its members."""
    chosen = draw(st.lists(st.sampled_from(MEMBERS), min_size=2, max_size=4).filter(_can_be_members))
    union = Union(tuple(sorted(chosen, key=member_name)))
    value = draw(st.sampled_from(chosen).flatmap(values))
    match draw(st.sampled_from(["field", "list", "map"])):
        case "list":
            return ListOf(union), [value]
        case "map":
            return MapOf(reflect(str), union), {"k": value}  # type: ignore[arg-type]
        case _:
            return union, value


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(_unions())
def test_any_value_of_any_member_comes_back(drawn: tuple[Type, Any]) -> None:
    type_, value = drawn
    codec = codec_of(params(x=type_))
    assert same(codec.decode_request(codec.encode_request({"x": value}))["x"], value)
    assert same(from_json(params(x=type_), to_json(params(x=type_), {"x": value}))["x"], value)
    assert holds(value, type_)
