"""A set of what Python cannot hash."""

from __future__ import annotations

from meshgen import DAGDriver, InputNode, deployment


@deployment
def echo(x: set[list[int]]) -> set[list[int]]:
    return x


with InputNode(x=set[list[int]]) as request:
    app = DAGDriver.bind(echo.bind(request.x))
