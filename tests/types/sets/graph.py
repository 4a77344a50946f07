"""Sets of what can be unique, and of what cannot be said to be."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from meshgen import DAGDriver, InputNode, deployment


class Colour(enum.Enum):
    RED = 1


@dataclass(frozen=True)
class Point:
    x: int
    y: int


@dataclass
class Sets:
    names: set[str]
    colours: frozenset[Colour]
    points: set[Point]
    rows: list[set[int]]


@deployment
def echo(x: Sets) -> Sets:
    return x


with InputNode(x=Sets) as request:
    app = DAGDriver.bind(echo.bind(request.x))
