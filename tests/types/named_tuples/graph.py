"""NamedTuples, with defaults and inside each other."""

from __future__ import annotations

from typing import NamedTuple

from meshgen import DAGDriver, InputNode, deployment


class Point(NamedTuple):
    """A place."""

    x: float
    y: float = 0.0


class Line(NamedTuple):
    start: Point
    end: Point
    weights: tuple[float, ...] = ()


@deployment
def echo(x: Line) -> Line:
    return x


with InputNode(x=Line) as request:
    app = DAGDriver.bind(echo.bind(request.x))
