"""Arguments of a call: the quick way lets through nothing that the thorough one would refuse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from meshgen import DAGDriver, InputNode, deployment, local
from meshgen.graph.model import GraphInput
from meshgen.runtime.local.binding import Arguments, bound_request


@dataclass
class Point:
    x: int


class Deeper(Point):
    pass


class Pair(NamedTuple):
    a: int
    b: str


TYPES: list[Any] = [
    bool,
    int,
    float,
    str,
    bytes,
    list[int],
    list[list[str]],
    Point,
    Pair,
    NDArray[np.float32],
    Any,
    int | None,
]
VALUES: list[Any] = [
    True,
    1,
    2**63 - 1,
    -(2**63),
    2**63,
    1.5,
    float("nan"),
    "a",
    "\ud800",
    "é",
    b"b",
    [],
    [1],
    [2**63],
    [True],
    [["a"]],
    [["\ud800"]],
    Point(1),
    Deeper(1),
    Pair(1, "b"),
    (1, "b"),
    np.float32(1),
    np.int64(1),
    np.zeros(2, np.float32),
    None,
    {"x": 1},
    object(),
]


def declared(type_: Any) -> GraphInput:
    @deployment
    def take(v):  # type: ignore[no-untyped-def]
        return v

    with InputNode(v=type_, w=int) as request:
        graph = local(DAGDriver.bind(take.bind(request.v))).graph
    return graph.request(graph.routes[0])


def outcome(bind: Any, *call: Any) -> Any:
    try:
        return [id(v) for v in bind(*call).values()]
    except Exception as error:
        return type(error), str(error)


@pytest.mark.parametrize("type_", TYPES, ids=str)
def test_the_quick_way_and_the_thorough_one_agree(type_: Any) -> None:
    asked = declared(type_)
    quick = Arguments(asked).bound
    for value in VALUES:
        for args, kwargs in (
            ((value, 1), {}),
            ((), {"v": value, "w": 1}),
            ((), {"w": 1, "v": value}),
            ((value,), {"w": 1}),
            ((value,), {}),
            ((value, 1, 2), {}),
            ((), {"v": value, "w": 1, "x": 1}),
            ((value, 1.5), {}),
        ):
            assert outcome(quick, args, dict(kwargs)) == outcome(bound_request, asked, args, kwargs)
