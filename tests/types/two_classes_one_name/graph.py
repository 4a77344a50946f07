"""Two classes with one name in one graph."""

from __future__ import annotations

from dataclasses import dataclass

from meshgen import DAGDriver, InputNode, deployment


@dataclass
class Label:
    text: str


Old = Label


@dataclass
class Label:
    score: float


@deployment
def echo(x: list[Old]) -> Label:
    return Label(0.0)


with InputNode(x=list[Old]) as request:
    app = DAGDriver.bind(echo.bind(request.x))
