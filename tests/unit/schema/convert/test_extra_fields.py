"""Values with more than their record declares are refused, by the codec and as JSON, and not cut."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, NotRequired, TypedDict, TypeVar

import pydantic
import pytest
from schema_samples import codec_of, params

from meshgen.codec.rpc import EncodeError
from meshgen.schema.convert.json_value import to_json
from meshgen.schema.reflect.reflector import reflect

T = TypeVar("T")


@dataclass
class Animal:
    name: str
    length: int = field(init=False, default=0)


@dataclass
class Dog(Animal):
    bark: int = 1


@dataclass
class Cat(Animal):
    tail: int = field(init=False, default=1)


class Pet(Animal):
    """Not a dataclass of its own."""


@dataclass
class Box(Generic[T]):
    item: T


class Point(NamedTuple):
    x: int


class Options(TypedDict):
    depth: int
    name: NotRequired[str]


class Strict(pydantic.BaseModel):
    a: int


class Wide(Strict):
    b: int = 2


class Open(pydantic.BaseModel, extra="allow"):
    a: int


class OpenLater(Strict, extra="allow"):
    pass


class Page(pydantic.BaseModel, Generic[T]):
    item: T


@pydantic.dataclasses.dataclass(config=pydantic.ConfigDict(extra="allow"))
class Row:
    a: int


LOST = "would be lost; declare it, or leave it out"


@pytest.mark.parametrize(
    ("annotation", "value", "message"),
    [
        (Animal, Dog("a"), "x must be Animal, got Dog, whose `bark` would be lost; declare `Animal | Dog`"),
        (list[Animal], [Animal("a"), Dog("b")], "x[1] must be Animal, got Dog, whose `bark` would be lost"),
        (Box[Animal], Box(Dog("a")), "x.item must be Animal, got Dog"),
        (Animal | str, Dog("a"), "x_animal must be Animal, got Dog"),
        (Strict, Wide(a=1), "x must be Strict, got Wide, whose `b` would be lost"),
        (Open, Open(a=1, more=2), f"x.more is no field of Open and {LOST}"),  # type: ignore[call-arg]
        (Strict, OpenLater(a=1, more=2), f"x.more is no field of Strict and {LOST}"),  # type: ignore[call-arg]
        (Row, Row(a=1, more=2), f"x.more is no field of Row and {LOST}"),  # type: ignore[call-arg]
        (Options, {"depth": 1, "size": 2}, f"x.size is no key of Options and {LOST}"),
        (list[Options], [{"depth": 1, 5: 2}], f"x[0].5 is no key of Options and {LOST}"),
        (tuple[int, int], (1, 2, 3), "x must be tuple[int, int], got tuple (1, 2, 3)"),
        (tuple[int, int] | str, (1, 2, 3), "x_int_int_tuple must be tuple[int, int], got tuple (1, 2, 3)"),
        (tuple[str, str], "ab", "x must be tuple[str, str], got str"),
    ],
    ids=str,
)
def test_what_would_be_lost_is_refused(annotation: Any, value: Any, message: str) -> None:
    type_ = reflect(annotation)
    with pytest.raises(EncodeError) as caught:
        codec_of(params(x=type_)).encode_request({"x": value})
    assert str(caught.value).startswith(message)
    with pytest.raises(EncodeError) as caught:
        to_json(params(x=type_), {"x": value})
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (Animal, Pet("a")),
        (Animal, Cat("a")),
        (Animal | Dog, Dog("a")),
        (Open, Open(a=1)),
        (Row, Row(a=1)),
        (Strict, OpenLater(a=1)),
        (Page[int], Page(item=1)),
        (Options, {"depth": 1}),
        (tuple[int], Point(1)),
    ],
    ids=str,
)
def test_what_is_whole_travels(annotation: Any, value: Any) -> None:
    type_ = reflect(annotation)
    assert codec_of(params(x=type_)).encode_request({"x": value})
    assert to_json(params(x=type_), {"x": value})
