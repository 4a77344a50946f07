"""A oneof; a union of three with None; in a parameter and as a result."""

from __future__ import annotations

from dataclasses import dataclass

from meshgen import DAGDriver, InputNode, deployment


@dataclass
class Circle:
    radius: float


@dataclass
class Square:
    side: float


@dataclass
class Drawing:
    first: Circle | Square
    second: Square | Circle | None
    label: int | str | bool = 0


@deployment
def echo(x: Drawing) -> Circle | Square:
    return x.first


with InputNode(x=Drawing) as request:
    app = DAGDriver.bind(echo.bind(request.x))
