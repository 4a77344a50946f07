"""Requests made up from types: each is one that the contract takes."""

from __future__ import annotations

import enum
from dataclasses import dataclass, make_dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID

import numpy as np
import pydantic
import pytest
import torch
from annotated_types import Ge, Gt, Le, Len, Lt, MaxLen, MinLen, MultipleOf
from numpy.typing import NDArray
from PIL import Image

from meshgen import Float32, Int32, TensorSpec
from meshgen.schema.check.requests import request_check
from meshgen.schema.convert.json_value import from_json
from meshgen.schema.example.request import made_up
from meshgen.schema.example.wanted import Wanted
from meshgen.schema.reflect.reflector import reflect_field
from meshgen.status import InvalidArgument

ANY = Wanted(whole=True)
EARLY, LATE = datetime(1980, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)


class Mode(enum.Enum):
    FAST = 1
    SLOW = 2


class Point(NamedTuple):
    x: float
    y: float


@dataclass
class Tree:
    value: int
    children: list[Tree]
    parent: Tree | None


@dataclass
class Never:
    text: str

    def __post_init__(self) -> None:
        raise ValueError("no text is good enough")


class Even(pydantic.BaseModel):
    number: int = pydantic.Field(json_schema_extra={"example": 4})

    @pydantic.field_validator("number")
    @classmethod
    def _is_even(cls, value: int) -> int:
        if value % 2:
            raise ValueError("must be even")
        return value


class OfClass(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(json_schema_extra={"examples": [{"code": 5}, {"code": "A-1"}]})
    code: str


def made(annotation: Any, wanted: Wanted = ANY, **more: Any) -> Any:
    """The JSON value of a field in a request made up for it; ... when there is none."""
    fields = (reflect_field("f", annotation, **more),)
    parts = {"f": wanted}
    body = made_up(fields, None, Wanted(whole=True, parts=dict(parts)))
    if body is None:
        return ...
    request = from_json(fields, body)
    if check := request_check(fields):
        check(request)
    return body.get("f", body)


@pytest.mark.parametrize(
    "annotation",
    [
        *(bool, int, float, str, bytes, datetime, timedelta, date, Decimal, UUID, Any, Mode, Point, Tree, Image.Image),
        *(Annotated[int, Int32], Annotated[float, Float32], Literal["a", "b"], int | None, int | str, Never | int),
        *(list[int], set[str], tuple[int, ...], tuple[int, str], dict[str, int], dict[bool, Tree], list[list[int]]),
        *(Annotated[int, Ge(5)], Annotated[int, Gt(5)], Annotated[int, Le(-5)], Annotated[int, Lt(-5)]),
        *(Annotated[int, Ge(7), Le(7)], Annotated[int, MultipleOf(5)], Annotated[int, Ge(11), MultipleOf(5)]),
        *(Annotated[float, Gt(0), Lt(0.001)], Annotated[float, Ge(1e300)], Annotated[float, Float32, Gt(0), Lt(1)]),
        *(Annotated[int, Ge(2**63 - 1)], Annotated[int, Le(-(2**63))], Annotated[int, Lt(0), MultipleOf(3)]),
        *(Annotated[str, MinLen(9)], Annotated[str, MaxLen(2)], Annotated[str, Len(3, 3)], Annotated[str, MaxLen(0)]),
        *(Annotated[bytes, MinLen(9)], Annotated[bytes, MaxLen(2)], Annotated[list[int], Len(3, 5)]),
        *(Annotated[set[str], MinLen(3)], Annotated[set[int], MinLen(3)], Annotated[set[Mode], MinLen(2)]),
        *(Annotated[set[Annotated[str, MaxLen(1)]], MinLen(2)], Annotated[dict[str, int], MinLen(2)]),
        *(Annotated[frozenset[date], MinLen(2)], Annotated[set[UUID], MinLen(2)], Annotated[set[Decimal], MinLen(2)]),
        *(Annotated[dict[int, str], MaxLen(0)], Annotated[list[Annotated[int, Ge(3)]], MinLen(1)]),
        *(
            Annotated[datetime, Ge(datetime(2030, 1, 1, tzinfo=UTC))],
            Annotated[datetime, Lt(datetime(1980, 1, 1, tzinfo=UTC))],
        ),
        *(Annotated[timedelta, Gt(timedelta(hours=1))], Annotated[timedelta, Le(timedelta(0))]),
        *(pydantic.EmailStr, Even, OfClass),
        *(
            NDArray[np.float32],
            NDArray[np.float64],
            NDArray[np.uint8],
            NDArray[np.bool_],
            NDArray[np.int64],
            np.ndarray,
        ),
        *(np.ndarray, torch.Tensor, Annotated[torch.Tensor, TensorSpec(dtype="bfloat16", shape=(None, 3))]),
        *(
            Annotated[NDArray[np.float16], TensorSpec(shape=(2, 2))],
            Annotated[NDArray[np.uint8], TensorSpec(shape=(64, 64))],
        ),
    ],
    ids=str,
)
def test_every_type_has_an_example_that_is_taken(annotation: Any) -> None:
    assert made(annotation) is not ...


@pytest.mark.parametrize(
    "pattern",
    [
        *(
            "^[a-z]+$",
            r"^\d{3}-\d{4}$",
            r"^[A-Z]{2}\d{6}$",
            "^(red|green)$",
            "x?y*z+",
            "^#[0-9a-fA-F]{6}$",
            r"^\S+@\S+$",
        ),
        *(
            r"^[^@\s]{3,}$",
            "^v\\d+(\\.\\d+){2}$",
            "(?i)^yes$",
            r"\bword\b",
            "^$",
            "a|b",
            r"^\w{2,4}$",
        ),
        *(
            "^sk-[A-Za-z0-9_-]{20}$",
            r"^(\+\d{1,2} )?\(\d{3}\)$",
            "^.{5}$",
            "^[^a-z]$",
            r"^\d+(?:\.\d+)?$",
            "^[[:alpha:]]$",
        ),
    ],
)
def test_texts_match_their_pattern(pattern: str) -> None:
    found = made(Annotated[str, pydantic.Field(pattern=pattern)])
    assert found is not ... or "[[:" in pattern, "classes of POSIX are RE2's alone"


def test_a_pattern_and_a_length() -> None:
    assert made(Annotated[str, pydantic.Field(pattern="^[a-z]+$", min_length=20)]) is not ...


def test_defaults() -> None:
    asked = Wanted(named=True)
    assert made(int, asked, default=7) == 7
    assert made(int, ANY, default=7) == {}, "what nobody asks for is left out"
    assert made(int | None, asked, default=None) == 1
    assert made(int | None, ANY, default=None) == {}
    assert made(list[int], asked, factory=list) == [1]
    assert made(Annotated[int, Ge(5)], ANY, default=0) == 5, "one that breaks a rule may be left out, but not sent"
    assert made(int, Wanted(), default=1) == {}


def test_what_the_graph_does_with_a_value() -> None:
    assert made(str, Wanted(named=True, choices=["de", "en"])) == "de"
    assert made(Mode, Wanted(named=True, choices=[Mode.SLOW])) == "MODE_SLOW"
    assert made(Literal["a", "b"], Wanted(named=True, choices=["b"])) == "b"
    assert made(int, Wanted(named=True, choices=["no int", 3])) == 3
    third = Wanted(named=True, parts={2: Wanted(named=True, choices=["x"])})
    assert made(list[str], third, factory=list) == ["text", "text", "x"]
    assert made(dict[str, int], Wanted(named=True, parts={"k": Wanted(named=True)})) == {"k": 1}
    assert made(Any, Wanted(named=True, parts={"k": Wanted(parts={1: Wanted()})})) == {"k": ["text", "text"]}
    strict = reflect_field("g", Annotated[int, Ge(9)]).type
    assert made(int, Wanted(named=True, takers=[strict])) == 9


def test_examples_of_users_come_first() -> None:
    assert made(Annotated[str, pydantic.Field(examples=["cat", "dog"])], default="fish") == "cat"
    assert made(Annotated[datetime, pydantic.Field(examples=["2020-01-01T00:00:00Z"])]) == "2020-01-01T00:00:00Z"
    assert made(Annotated[Mode, pydantic.Field(examples=["nothing", Mode.SLOW])]) == "MODE_SLOW"
    assert made(Annotated[int, Ge(3), pydantic.Field(examples=[1, 4])]) == 4, "one that breaks a rule is none"
    assert made(Annotated[Point, pydantic.Field(examples=[{"x": 1, "y": 2}])]) == {"x": 1.0, "y": 2.0}
    assert made(Even) == {"number": 4}
    assert made(OfClass) == {"code": "A-1"}


def test_elements_of_arrays_are_numbers_that_people_can_read() -> None:
    tensor = made(Annotated[NDArray[np.int16], TensorSpec(shape=(2, None))])
    assert tensor == {"datatype": "INT16", "shape": [2, 2], "int64_contents": [1, 1, 1, 1]}
    assert set(made(Annotated[NDArray[np.int16], TensorSpec(shape=(100,))])) == {"datatype", "shape", "raw"}


def broad(depth: int) -> Any:
    """A type whose whole value has 4^depth numbers."""
    inner: Any = int
    for level in range(depth):
        inner = make_dataclass(f"Level{level}", [(name, inner) for name in "abcd"])
    return inner


@pytest.mark.parametrize("annotation", [Never, complex, broad(8), Annotated[set[bool], MinLen(3)]], ids=str)
def test_without_words_there_is_none(annotation: Any) -> None:
    """A page then shows the types alone."""
    assert made(annotation) is ...


def test_the_example_of_a_field_need_not_be_the_default() -> None:
    with pytest.raises(InvalidArgument):
        from_json((reflect_field("f", Even),), {"f": {"number": 3}})
