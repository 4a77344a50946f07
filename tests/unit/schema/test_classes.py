"""What a class is to a contract."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar

import pydantic.dataclasses
import pytest

from meshgen.schema.classes import keeps_values

T = TypeVar("T")


@dataclasses.dataclass
class Plain:
    x: Any
    y: Any = 1


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    x: Any = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Box(Plain, abc.ABC, Generic[T]):
    z: T = dataclasses.field(kw_only=True)


class Inherits(Plain):
    pass


@pytest.mark.parametrize("cls", [Plain, Frozen, Box, Inherits])
def test_plain_dataclasses_keep_what_they_are_given(cls: type[Any]) -> None:
    assert keeps_values(cls)


@dataclasses.dataclass
class AfterInit(Plain):
    def __post_init__(self) -> None:
        self.x = 2


@dataclasses.dataclass
class OwnInit:
    x: Any

    def __init__(self, x: Any) -> None:
        self.x = x + 1


@dataclasses.dataclass
class Sets(Plain):
    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value + 1)


@dataclasses.dataclass
class Gets(Plain):
    def __getattribute__(self, name: str) -> Any:
        return 3 if name == "x" else object.__getattribute__(self, name)


@dataclasses.dataclass
class New(Plain):
    def __new__(cls, *_: Any, **__: Any) -> Self:
        made = object.__new__(cls)
        made.x = 2
        return made


class Meta(type):
    def __call__(cls, *_: Any, **__: Any) -> Any:
        return Plain(4)


@dataclasses.dataclass
class Made(Plain, metaclass=Meta):
    pass


class Doubled:
    def __get__(self, owner: Any, _: Any = None) -> int:
        return 1 if owner is None else owner.__dict__["x"] * 2

    def __set__(self, owner: Any, value: Any) -> None:
        owner.__dict__["x"] = value


@dataclasses.dataclass
class Described:
    x: Any = Doubled()


def _wrapped(cls: type[Any]) -> type[Any]:
    init: Callable[..., None] = cls.__init__

    def wrapper(self: Any, *args: Any, **given: Any) -> None:
        init(self, *args, **given)

    cls.__init__ = wrapper  # type: ignore[misc]
    return cls


@_wrapped
@dataclasses.dataclass
class Wrapped:
    x: Any


@pydantic.dataclasses.dataclass
class Validated:
    x: int


@pytest.mark.parametrize("cls", [AfterInit, OwnInit, Sets, Gets, New, Made, Described, Wrapped, Validated])
def test_others_may_not(cls: type[Any]) -> None:
    assert not keeps_values(cls)
