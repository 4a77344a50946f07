"""Requests that are made to cost more than they are long. Steps are counted; a timeout ends what would never end."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any
from uuid import UUID as PyUUID

import pydantic
import pytest
from annotated_types import Ge
from google.protobuf import json_format
from schema_samples import DECIMAL, FLOAT, INT, LABEL, STR, TREE, UUID, codec_of, pair, params

from meshgen.codec.rpc import RpcCodec
from meshgen.schema.check.requests import request_check
from meshgen.schema.convert.json_value import from_json
from meshgen.schema.convert.readers import entries_reader, list_reader
from meshgen.schema.misfit import MOST_PROBLEMS, Misfit, describe
from meshgen.schema.model import Container, Field, ListOf, MapOf
from meshgen.schema.reflect.reflector import reflect
from meshgen.schema.rules import Rules
from meshgen.status import InvalidArgument

pytestmark = pytest.mark.timeout(60)

Nested = Callable[[Any], Any]


def refusal(read: Callable[[], Any]) -> InvalidArgument:
    with pytest.raises(InvalidArgument) as caught:
        read()
    return caught.value


def by_protobuf(codec: RpcCodec, message: Any) -> InvalidArgument:
    return refusal(lambda: codec.decode_request(message.SerializeToString()))


def by_json(fields: tuple[Field, ...], document: Any) -> InvalidArgument:
    return refusal(lambda: from_json(fields, document))


@pytest.mark.parametrize(
    ("reader", "value"),
    [
        (lambda item: list_reader(item, "list"), lambda inner: [inner]),
        (entries_reader, lambda inner: {"k": inner}),
    ],
)
def test_what_does_not_fit_is_read_once(reader: Callable[[Any], Any], value: Nested) -> None:
    reads = 0

    def leaf(_: Any) -> Any:
        nonlocal reads
        reads += 1
        raise Misfit.here("is wrong")

    read, given = leaf, "x"
    for _ in range(15):
        read, given = reader(read), value(given)
    with pytest.raises(Misfit) as caught:
        read(given)
    assert len(caught.value.problems) == 1
    assert reads == 1


def test_a_fault_at_the_bottom_of_a_deep_tree() -> None:
    codec = codec_of(params(x=TREE))
    for step, path in (("children", "[0]"), ("named", "['k']")):
        message: Any = codec.request_class()
        inner: Any = message.x
        document: Any = {}
        for _ in range(45):
            inner.value = 1
            inner = inner.children.add() if step == "children" else inner.named["k"]
            inner.SetInParent()
            document = {"value": 1, step: [document] if step == "children" else {"k": document}}
        where = "x." + f"{step}{path}." * 45 + "value"
        for error in (by_protobuf(codec, message), by_json(params(x=TREE), {"x": document})):
            assert [(v.field, v.description) for v in error.violations] == [(where, "is required")]


def test_violations_are_capped() -> None:
    fields = params(flat=ListOf(LABEL), nested=ListOf(ListOf(LABEL)), named=MapOf(STR, LABEL))
    codec = codec_of(fields)
    for count in (MOST_PROBLEMS, MOST_PROBLEMS + 1, 5000):
        empty: Any = [{}] * count
        named: Any = {str(i): {} for i in range(count)}
        for key, document, paths in (
            ("flat", empty, [f"flat[{i}].label" for i in range(count)]),
            ("nested", [{"values": empty}], [f"nested[0].values[{i}].label" for i in range(count)]),
            ("named", named, [f"named['{i}'].label" for i in range(count)]),
        ):
            message = json_format.ParseDict({key: document}, codec.request_class())
            for error in (by_protobuf(codec, message), by_json(fields, {key: document})):
                found = [v.field for v in error.violations]
                assert len(found) == MOST_PROBLEMS
                assert set(found) <= set(paths)
                assert found == paths[:MOST_PROBLEMS] or key == "named"  # protobuf's maps have no order
                assert str(error).endswith("; … and more") == (count > MOST_PROBLEMS)


def test_a_long_key_is_not_in_every_path_below_it() -> None:
    key, fields = "k" * 100_000, params(x=MapOf(STR, ListOf(LABEL)))
    codec = codec_of(fields)
    document: Any = {"x": {key: {"values": [{}] * 50}}}
    message = json_format.ParseDict(document, codec.request_class())
    for error in (by_protobuf(codec, message), by_json(fields, document)):
        assert error.violations[49].field == f"x['{'k' * 100}…'].values[49].label"


def test_keys_that_are_one_number() -> None:
    fields = params(x=MapOf(INT, INT))
    error = by_json(fields, {"x": {"1": 1, "01": 2, "a": 3, "2": "b"}})
    assert [(v.field, v.description) for v in error.violations] == [
        ("x['01']", "is given twice, as '1' and '01'"),
        ("x['a']", "must be an integer"),
        ("x['2']", "must be an integer"),
    ]


@pytest.mark.parametrize("count", [MOST_PROBLEMS, 5000])
def test_broken_rules_are_capped(count: int) -> None:
    looks = 0

    class Looked(int):
        def __ge__(self, other: int) -> bool:
            nonlocal looks
            looks += 1
            return int(self) >= other

    positive = dataclasses.replace(INT, rules=Rules(ge=0))
    check = request_check(params(flat=ListOf(positive), nested=ListOf(ListOf(positive)), named=MapOf(STR, positive)))
    assert check is not None
    wrong = [Looked(-1) for _ in range(count)]
    named = {str(i): value for i, value in enumerate(wrong)}
    for value, paths in (
        ({"flat": wrong}, [f"flat[{i}]" for i in range(count)]),
        ({"nested": [wrong]}, [f"nested[0].values[{i}]" for i in range(count)]),
        ({"named": named}, [f"named['{i}']" for i in range(count)]),
    ):
        looks = 0
        error = refusal(partial(check, value))
        assert [v.field for v in error.violations] == paths[:MOST_PROBLEMS]
        assert str(error).endswith("; … and more") == (count > MOST_PROBLEMS)
        assert looks <= MOST_PROBLEMS + 1


class Counting:
    shown = 0

    def __repr__(self) -> str:
        Counting.shown += 1
        return "Counting()"


@dataclasses.dataclass
class Holding:
    items: list[Any]
    hidden: Any = dataclasses.field(default=None, repr=False)


class Modelled(pydantic.BaseModel):
    items: list[Any]


@dataclasses.dataclass
class Brief(Holding):
    def __repr__(self) -> str:
        return "Brief()"


_MANY = [Counting() for _ in range(1000)]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5, "int 5"),
        ("a" * 38, f"str {'a' * 38!r}"),
        ("a" * 39, "str"),
        ([1, ["a", None]], "list [1, ['a', None]]"),
        ({"a": 1}, "dict {'a': 1}"),
        (Holding([1], _MANY), "Holding Holding(items=[1])"),
        (Brief(_MANY), "Brief Brief()"),
        (Modelled(items=[1]), "Modelled Modelled(items=[1])"),
        ([10**5000], "list"),
        (_MANY, "list"),
        ([[_MANY]], "list"),
        ({"a": _MANY}, "dict"),
        ({"a": "b" * 100}, "dict"),
        (Holding([_MANY]), "Holding"),
        (Modelled(items=[_MANY]), "Modelled"),
    ],
)  # fmt: skip
def test_long_values_are_not_written_out_to_be_cut(value: Any, text: str) -> None:
    Counting.shown = 0
    assert describe(value) == text
    assert Counting.shown == 0


_JUDGED: list[int] = []


def _judged(value: int) -> int:
    _JUDGED.append(value)
    raise ValueError("is refused")


class Ruled(pydantic.BaseModel):
    first: Annotated[int, Ge(0)] = 0
    items: list[Annotated[int, Ge(0), pydantic.BeforeValidator(_judged)]]


class Judging(pydantic.BaseModel):
    items: list[Annotated[int, pydantic.AfterValidator(_judged)]]


def test_pydantic_is_not_asked_about_a_crowd() -> None:
    _JUDGED.clear()
    codec = codec_of(params(x=reflect(Ruled)))
    message = json_format.ParseDict({"x": {"first": -1, "items": [-1] * 5000}}, codec.request_class())
    error = by_protobuf(codec, message)
    assert [v.field for v in error.violations] == ["x.first", *(f"x.items[{i}]" for i in range(MOST_PROBLEMS - 1))]
    assert str(error).endswith("; … and more")
    assert not _JUDGED
    codec = codec_of(params(x=reflect(Judging)))
    for count, words in ((10_001, "holds 10001 values that Judging refuses"), (10_000, "Value error, is refused")):
        message = json_format.ParseDict({"x": {"items": [1] * count}}, codec.request_class())
        assert by_protobuf(codec, message).violations[0].description == words


class Same:
    """Any number of these have one hash; counts how often two are compared."""

    compared = 0

    def __init__(self, number: int) -> None:
        self.number = number

    def __hash__(self) -> int:
        return 1

    def __eq__(self, other: object) -> bool:
        Same.compared += 1
        return isinstance(other, Same) and self.number == other.number

    def __repr__(self) -> str:
        return f"Same({self.number})"


@pytest.mark.parametrize("container", ["set", "frozenset"])
def test_a_set_is_not_made_of_elements_of_one_hash(container: Container) -> None:
    read = list_reader(Same, container)
    assert len(read(range(100))) == 100
    Same.compared = 0
    with pytest.raises(Misfit) as caught:
        read(range(101))
    assert caught.value.problems == [("", "must have at most 100 elements of one hash, has 101")]
    with pytest.raises(Misfit) as caught:
        read([0] * 101)
    assert caught.value.problems == [("", "must have no element twice")]
    assert Same.compared == 0


def test_sets_of_what_senders_choose() -> None:
    step = (1 << 61) - 1
    for type_, crowd in (
        (DECIMAL, [{"value": str(i * step)} for i in range(20_000)]),
        (UUID, [str(PyUUID(int=i * step)) for i in range(20_000)]),
    ):
        fields = params(x=ListOf(type_, "set"))
        codec = codec_of(fields)
        message = json_format.ParseDict({"x": crowd}, codec.request_class())
        for error in (by_protobuf(codec, message), by_json(fields, {"x": crowd})):
            assert [v.field for v in error.violations] == ["x"]
            assert "of one hash" in str(error)
    powers = [2.0**i for i in range(-1000, 1000)]  # 61 hashes
    assert from_json(params(x=ListOf(FLOAT, "set")), {"x": powers})["x"] == set(powers)
    assert from_json(params(x=ListOf(pair(FLOAT, INT), "set")), {"x": [{"item_0": p, "item_1": 1} for p in powers]})
