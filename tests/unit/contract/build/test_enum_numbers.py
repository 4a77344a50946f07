"""The numbers of an enum's members on the wire, and what a number in JSON means."""

from __future__ import annotations

import enum
from typing import Any

import pytest
from schema_samples import codec_of, contract_of, params

from meshgen.contract.model import Contract
from meshgen.schema.convert.json_value import from_json
from meshgen.schema.model import EnumOf, ListOf
from meshgen.status import InvalidArgument

TOP = 2**31 - 1


def enum_of(**values: Any) -> EnumOf:
    return EnumOf(enum.Enum("E", values))  # type: ignore[arg-type]


def numbers(contract: Contract) -> dict[str, int]:
    return {
        value.name.removeprefix("E_"): value.number for value in contract.files[0].enum_type[0].value if value.number
    }


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"A": 3, "B": 2, "C": 1}, {"A": 3, "B": 2, "C": 1}),
        ({"A": 10, "B": 20}, {"A": 10, "B": 20}),
        ({"A": 0, "B": 1, "C": 2}, {"A": TOP, "B": 1, "C": 2}),
        ({"A": -1, "B": 0, "C": 1}, {"A": TOP, "B": TOP - 1, "C": 1}),
        ({"A": TOP, "B": 2**31, "C": 2**70}, {"A": TOP, "B": TOP - 1, "C": TOP - 2}),
        ({"A": 19_500, "B": 1}, {"A": 19_500, "B": 1}),
        ({"A": 5, "ALIAS": 5, "B": 1}, {"A": 5, "B": 1}),
        ({"A": "x", "B": "y"}, {"A": 1, "B": 2}),
        ({"A": True, "B": False}, {"A": 1, "B": 2}),
        ({"A": 1.0, "B": 2.5}, {"A": 1, "B": 2}),
        ({"A": "x", "B": 2, "C": None}, {"A": TOP, "B": 2, "C": TOP - 1}),
        ({"A": (1, 2), "B": (3, 4)}, {"A": 1, "B": 2}),
    ],
)
def test_members_have_their_values_where_these_are_numbers(values: dict[str, Any], expected: dict[str, int]) -> None:
    type_ = enum_of(**values)
    contract = contract_of(params(x=type_))
    assert numbers(contract) == expected
    assert contract_of(params(x=type_), lock=contract.lock).lock == contract.lock
    assert not [d for d in contract.diagnostics if d.code == "MG411"]
    python: Any = type_.python
    codec = codec_of(params(x=type_))
    for number in {*expected.values(), *range(-2, 30), *(v for v in values.values() if type(v) is int)}:
        if -(2**31) <= number <= TOP:  # what Envoy hands on
            means = next((m for m in python if type(m.value) is int and m.value == number), None)
            try:
                found = codec.decode_request(codec.request_class(x=number).SerializeToString())["x"]
            except InvalidArgument:
                found = None
            if any(type(v) is int for v in values.values()) and number < TOP - 5:
                assert found is (means if number > 0 else None)
        try:
            read = from_json(params(x=type_), {"x": number})["x"]
        except InvalidArgument:
            continue
        assert type(read.value) is int
        assert read.value == number


@pytest.mark.parametrize(
    ("before", "now", "expected", "problem"),
    [
        ({"A": "a", "B": "b"}, {"A": 2, "B": 1}, {"A": 1, "B": 2}, "the number 2 in JSON over REST is read as B"),
        ({"A": 1, "B": 2}, {"A": 5, "B": 2}, {"A": 1, "B": 2}, "the number 5 in JSON over REST is refused"),
        ({"A": 1, "B": 2}, {"C": 1, "B": 2}, {"B": 2, "C": TOP}, "the number 1 in JSON over REST is refused"),
        ({"A": 1, "B": 2}, {"A": 1, "B": 2, "C": 7}, {"A": 1, "B": 2, "C": 7}, ""),
        ({"A": 0, "B": 1}, {"A": 0, "B": 1, "C": -1}, {"A": TOP, "B": 1, "C": TOP - 1}, ""),
        ({"A": 0, "B": 1}, {"A": "a", "B": "b", "C": "c"}, {"A": TOP, "B": 1, "C": TOP - 1}, ""),
        ({"A": 1, "B": 2}, {"A": 1}, {"A": 1}, ""),
    ],
)
def test_a_lock_keeps_its_numbers_and_check_says_what_they_mean(
    before: dict[str, Any], now: dict[str, Any], expected: dict[str, int], problem: str
) -> None:
    contract = contract_of(params(x=enum_of(**now)), lock=contract_of(params(x=enum_of(**before))).lock)
    assert numbers(contract) == expected
    found = [d.message for d in contract.diagnostics if d.code == "MG411"]
    assert len(found) == bool(problem)
    assert problem in "".join(found)


def test_a_list_of_members_by_value() -> None:
    class Level(enum.IntEnum):
        LOW = 0
        HIGH = 7

    fields = params(x=ListOf(EnumOf(Level)))
    assert from_json(fields, {"x": [7, "7", "LEVEL_LOW"]})["x"] == [Level.HIGH, Level.HIGH, Level.LOW]
    with pytest.raises(InvalidArgument, match=r"x\[0\] must be one of 'LEVEL_LOW', 'LEVEL_HIGH'"):
        from_json(fields, {"x": [0]})
