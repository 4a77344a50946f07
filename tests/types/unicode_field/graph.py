"""A field that ASCII cannot write."""

from __future__ import annotations

from dataclasses import dataclass

from meshgen import DAGDriver, InputNode, deployment


@dataclass
class Shoe:
    größe: int


@deployment
def echo(x: Shoe) -> Shoe:
    return x


with InputNode(x=Shoe) as request:
    app = DAGDriver.bind(echo.bind(request.x))
