"""Type aliases: what they stand for, wherever their names are; and those that hold themselves."""

from __future__ import annotations

import typing
from dataclasses import dataclass
from typing import Any, NamedTuple, NewType, TypeVar

import pytest
import typing_extensions as te
from pydantic import BaseModel, JsonValue

from meshgen.frontend.signature import method_of
from meshgen.schema.model import AnyValue, ListOf, MapOf, Optional, Record, Scalar, Unknown
from meshgen.schema.reflect.reflector import reflect

T = TypeVar("T")
Old = typing.Union[dict[str, "Old"], list["Old"], int]  # noqa: UP007 - as it is written for old Pythons
Older = typing.Dict[str, "Older"]  # noqa: UP006
Listed = list["Listed"]
InText = te.TypeAliasType("InText", "dict[str, InText] | list[InText] | int")
InParts = te.TypeAliasType("InParts", typing.Union[dict[str, "InParts"], int])  # noqa: UP007
One = te.TypeAliasType("One", "dict[str, Two]")
Two = te.TypeAliasType("Two", "list[One]")
Same = te.TypeAliasType("Same", "Same")
Generic = te.TypeAliasType("Generic", typing.Union[T, list["Generic[T]"]], type_params=(T,))  # noqa: UP007
Missing = te.TypeAliasType("Missing", "list[Nowhere]")  # type: ignore[name-defined]  # noqa: F821
Names = te.TypeAliasType("Names", "list[Name]")
Pairs = te.TypeAliasType("Pairs", "dict[str, tuple[T, Name]]", type_params=(T,))
Children = te.TypeAliasType("Children", "list[Node]")
Name = NewType("Name", str)


@dataclass
class Node:
    children: Children


class Call(BaseModel):
    name: str
    arguments: dict[str, JsonValue] = {}
    rest: list[JsonValue] = []
    maybe: JsonValue | None = None


class Holder(te.TypedDict):
    held: Old


class Row(NamedTuple):
    held: InText


def test_json_value_is_any() -> None:
    assert reflect(JsonValue) == AnyValue() == reflect(Any)
    assert reflect(dict[str, JsonValue]) == MapOf(Scalar("str"), AnyValue())
    call = reflect(Call)
    assert isinstance(call, Record)
    assert [f.type for f in call.fields[1:]] == [
        MapOf(Scalar("str"), AnyValue()),
        ListOf(AnyValue()),
        Optional(AnyValue()),
    ]


def test_an_alias_knows_the_names_of_its_own_module() -> None:
    assert reflect(Names) == ListOf(Scalar("str"))
    assert str(reflect(Pairs[int])) == "dict[str, tuple[int, str]]"
    for holder in (Node, list[Node], Children):
        assert not isinstance(reflect(holder), Unknown), holder


@pytest.mark.parametrize(
    "annotation", [InText, InParts, One, Two, Same, Generic[int], list[InText], Row, Holder, Listed]
)
def test_one_that_holds_itself_is_refused(annotation: Any) -> None:
    found = reflect(annotation)
    assert isinstance(found, Unknown)
    assert "holds itself" in found.reason
    assert "Write `Any`" in found.hint
    assert "record" in found.hint


def test_in_annotations_too() -> None:
    def use(a: Old, b: Listed, c: Older, d: list[InParts], e: Generic[str]) -> Two:  # type: ignore[valid-type]
        raise NotImplementedError

    method = method_of(use, "use", skip_self=False).method
    for type_ in (*(p.type for p in method.params), method.result):
        assert isinstance(type_, Unknown)
        assert "an alias that holds itself" in type_.reason
        assert "Write `Any`" in type_.hint


def test_a_name_that_is_nowhere_is_not_one_that_holds_itself() -> None:
    found = reflect(Missing)
    assert isinstance(found, Unknown)
    assert found.reason == "cannot be resolved: name 'Nowhere' is not defined"
