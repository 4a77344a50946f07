"""Who wrote a method, and which there are."""

from __future__ import annotations

import functools
from string import Formatter
from typing import Any

import torch
from pydantic import BaseModel

from meshgen.graph.members import member, own_public_names, public_members
from meshgen.source import is_users, of_callable


class Base:
    def inherited(self) -> None: ...


class Mine(Base, Formatter):
    value = 1

    @torch.no_grad()
    def wrapped(self) -> None: ...

    @functools.lru_cache  # noqa: B019 - what is tried
    def cached(self) -> None: ...

    @staticmethod
    def static() -> None: ...

    @functools.cached_property
    def made_once(self) -> int:
        return 1

    class Inner: ...

    def _private(self) -> None: ...


class Record(BaseModel):
    x: int = 1
    _hidden: int = 2

    def go(self) -> None: ...


def test_the_users_methods_are_told_from_those_of_libraries() -> None:
    by_user = {m.name: m.is_users for m in public_members(Mine)}
    assert {name for name, users in by_user.items() if users} == {"cached", "inherited", "static", "wrapped"}
    assert {"format", "parse", "vformat"} < by_user.keys()
    assert own_public_names(Mine) == ["cached", "inherited", "static", "wrapped"]
    assert own_public_names(Record) == ["go"]
    assert own_public_names(torch.nn.Linear) == ["extra_repr", "forward", "reset_parameters"]


def test_what_is_no_method_is_none() -> None:
    for name in ("value", "made_once", "Inner", "nothing"):
        assert member(Mine, name) is None, name


def test_a_static_method_has_no_self() -> None:
    takes: dict[str, Any] = {name: found.skip_self for name in ("static", "cached") if (found := member(Mine, name))}
    assert takes == {"static": False, "cached": True}


def test_a_decorated_function_is_where_it_was_written() -> None:
    found = member(Mine, "wrapped")
    assert found is not None
    assert of_callable(found.function).file == __file__
    assert is_users(__file__)
    assert not is_users(torch.__file__)
    assert not is_users(functools.__file__)
