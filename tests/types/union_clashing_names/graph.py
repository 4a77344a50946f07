"""A oneof's member and a field beside it with one name."""

from __future__ import annotations

from dataclasses import dataclass

from meshgen import DAGDriver, InputNode, deployment


@dataclass
class Clash:
    value: int | str
    value_int: int


@deployment
def echo(x: Clash) -> Clash:
    return x


with InputNode(x=Clash) as request:
    app = DAGDriver.bind(echo.bind(request.x))
