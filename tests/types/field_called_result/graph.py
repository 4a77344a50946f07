"""A field with the name of the response's own."""

from __future__ import annotations

from dataclasses import dataclass

from meshgen import DAGDriver, InputNode, deployment


@dataclass
class Outcome:
    result: int
    values: list[int]
    value: int | None


@deployment
def echo(x: Outcome) -> Outcome:
    return x


with InputNode(x=Outcome) as request:
    app = DAGDriver.bind(echo.bind(request.x))
