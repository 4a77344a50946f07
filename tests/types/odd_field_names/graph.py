"""Leading, trailing and double underscores, capitals, digits."""

from __future__ import annotations

from dataclasses import dataclass

from meshgen import DAGDriver, InputNode, deployment


@dataclass
class Odd:
    _p: int
    a__b: int
    user_ID: int
    trailing_: int
    x1y1: float
    HTTPMode: str


@deployment
def echo(x: Odd) -> Odd:
    return x


with InputNode(x=Odd) as request:
    app = DAGDriver.bind(echo.bind(request.x))
