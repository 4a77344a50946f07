"""What a node gets it may write to: what is read-only is copied, all else goes as it is."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict
from schema_samples import INT, STR

from meshgen.schema.model import Field, ListOf, MapOf, Optional, Record, Tensor
from meshgen.schema.values.writable import arrays_in, holds_arrays, with_writable, writable, writable_of


@dataclass(frozen=True, slots=True)
class Frozen:
    array: Any
    name: str = ""


@dataclass
class Counted:
    array: Any
    made: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.made.append("made")


class Pair(NamedTuple):
    array: Any
    name: str


class Model(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)
    array: Any


def locked() -> Any:
    array = np.arange(3.0)
    array.flags.writeable = False
    return array


def array_of(holder: Any) -> Any:
    match holder:
        case list():
            return holder[-1]
        case dict():
            return holder["array"]
        case tuple():
            return holder[0]
        case np.ndarray():
            return holder
        case _:
            return holder.array


HOLDERS = [
    lambda a: a,
    lambda a: ["x", a],
    lambda a: (a, None),
    lambda a: {"array": a, "b": 1},
    Frozen,
    Counted,
    lambda a: Pair(a, "p"),
    lambda a: Model(array=a),
]


@pytest.mark.parametrize("hold", HOLDERS)
def test_a_locked_array_is_copied_where_it_is(hold: Any) -> None:
    array = locked()
    holder = hold(array)
    mine = writable(holder)
    assert type(mine) is type(holder)
    array_of(mine)[0] = 9
    assert array_of(mine)[0] == 9
    assert array[0] == 0
    assert array_of(holder) is array


@pytest.mark.parametrize("hold", HOLDERS)
def test_what_can_be_written_to_is_not_copied(hold: Any) -> None:
    holder = hold(np.zeros(2))
    assert writable(holder) is holder


def test_the_rest_of_a_record_stays() -> None:
    given = Counted(locked())
    mine = writable(given)
    assert mine.made is given.made
    assert given.made == ["made"]
    assert copy.copy(writable(Frozen(locked(), "n"))).name == "n"


@pytest.mark.parametrize(
    "array", [np.broadcast_to(np.float32(1), (2, 3)), np.frombuffer(b"abcd", np.uint8)], ids=["broadcast", "bytes"]
)
def test_all_ways_to_be_read_only(array: Any) -> None:
    assert not array.flags.writeable
    mine = writable(array)
    mine += 1
    assert mine.shape == array.shape
    assert type(mine) is np.ndarray


def test_a_file_that_is_mapped_stays_as_it_is(tmp_path: Any) -> None:
    np.save(tmp_path / "a.npy", np.zeros(4))
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    mine = writable(mapped)
    mine += 1
    assert type(mine) is np.ndarray
    assert np.load(tmp_path / "a.npy").sum() == 0


def test_only_parameters_with_arrays_are_looked_at() -> None:
    array = Tensor("numpy")
    params = (
        Field(name="a", type=array),
        Field(name="b", type=Optional(ListOf(array))),
        Field(name="c", type=MapOf(STR, INT)),
        Field(name="d", type=Tensor("torch")),
    )
    assert arrays_in(params).keys() == {"a", "b"}
    assert not holds_arrays(INT)
    given = {"a": locked(), "c": locked()}
    mine = with_writable(given, arrays_in(params))
    assert mine["a"].flags.writeable
    assert mine["c"] is given["c"]


def test_a_record_is_looked_at_where_its_type_has_arrays() -> None:
    fields = (Field(name="array", type=Tensor("numpy")), Field(name="name", type=STR))
    record = Record(name="Frozen", kind="dataclass", python=Frozen, fields=fields)
    make = writable_of(record)
    locked_one, free, other = Frozen(locked(), "n"), Frozen(np.zeros(2), "n"), Pair(locked(), "p")
    mine = make(locked_one)
    assert type(mine) is Frozen
    assert mine.name == "n"
    assert mine.array.flags.writeable
    assert not locked_one.array.flags.writeable
    assert make(free) is free
    assert make(other).array.flags.writeable  # of another class than declared
    assert make(None) is None
    params = (Field(name="x", type=record),)
    given = {"x": free}
    assert with_writable(given, arrays_in(params)) is given
    assert with_writable({}, arrays_in(params)) == {}


@dataclass
class Late:
    array: Any
    kept: Any = field(init=False)


def test_what_a_record_does_not_have_is_not_looked_at() -> None:
    one = Late(np.zeros(2))
    assert writable([one]) == [one]
    assert writable(Late(locked())).array.flags.writeable


@dataclass
class Two:
    array: Any
    other: Any = None


def test_lists_and_records_of_free_arrays_stay_as_they_are() -> None:
    array = Tensor("numpy")
    both = (Field(name="array", type=array), Field(name="other", type=array))
    make = writable_of(Record(name="Two", kind="dataclass", python=Two, fields=both))
    free = Two(np.zeros(2), np.zeros(2))
    assert make(free) is free
    mine = make(Two(free.array, locked()))
    assert mine.array is free.array
    assert mine.other.flags.writeable
    assert make(odd := Two("no array", None)) is odd
    make = writable_of(ListOf(array))
    assert make(held := [np.zeros(2), np.zeros(2)]) is held
    assert make([]) == []
    assert make([held[0], locked()])[1].flags.writeable
    assert make((held[0], locked()))[1].flags.writeable
    assert make(odd_ones := ["no array", locked()])[1].flags.writeable
    assert not odd_ones[1].flags.writeable
