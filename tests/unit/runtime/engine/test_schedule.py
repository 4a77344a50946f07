"""How a route is scheduled: what may run by itself, and which case a key names."""

from __future__ import annotations

import enum
import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from meshgen.graph.steps import Call, Result
from meshgen.runtime.engine.schedule import steps_alone
from meshgen.runtime.engine.switch import case_finder
from meshgen.schema.model import Unknown


@given(st.integers(0, 10**9))
def test_a_step_is_alone_when_all_others_come_before_or_after_it(seed: int) -> None:
    rng = random.Random(seed)
    ids = sorted(rng.sample(range(20), rng.randint(1, 9)))
    needs = {step: rng.sample(ids[:i], min(i, rng.choice([0, 1, 1, 1, 2, 3]))) for i, step in enumerate(ids)}
    steps = [
        Call(id=i, node="n", method="m", args=tuple((f"a{n}", Result(n)) for n in needs[i]), result=Unknown())
        for i in ids
    ]

    def comes_before(a: int, b: int) -> bool:
        return any(n == a or comes_before(a, n) for n in needs[b])

    expected = [a for a in ids if all(a == b or comes_before(a, b) or comes_before(b, a) for b in ids)]
    assert steps_alone(steps) == expected


class _Colour(enum.StrEnum):
    RED = "red"


class _Sly:
    def __init__(self, like: object) -> None:
        self.like = like

    def __eq__(self, other: object) -> bool:
        return other == self.like

    __hash__ = None  # type: ignore[assignment]


NAN = float("nan")
KEYS: list[Any] = [0, 1, True, False, 1.0, "red", _Colour.RED, b"red", None, NAN, float("nan"), 2**70, (1,), -1]


@given(
    st.lists(st.sampled_from(KEYS), min_size=1, max_size=6),
    st.sampled_from([*KEYS, _Sly(1), _Sly("red"), [1], {}, 5]),
)
def test_the_case_is_the_first_one_that_equals_the_key(keys: list[Any], key: Any) -> None:
    assert case_finder(keys)(key) == next((i for i, k in enumerate(keys) if k == key), -1)
