"""An expression: a union of records that hold the union."""

from __future__ import annotations

from dataclasses import dataclass

from meshgen import DAGDriver, InputNode, deployment


@dataclass
class Number:
    value: float


@dataclass
class Sum:
    left: Number | Sum
    right: Number | Sum


Expression = Number | Sum


@deployment
def echo(x: Expression) -> Expression:
    return x


with InputNode(x=Expression) as request:
    app = DAGDriver.bind(echo.bind(request.x))
