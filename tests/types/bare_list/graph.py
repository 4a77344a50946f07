"""A list of nobody knows what."""

from __future__ import annotations

from meshgen import DAGDriver, InputNode, deployment


@deployment
def echo(x: list) -> list:
    return x


with InputNode(x=list) as request:
    app = DAGDriver.bind(echo.bind(request.x))
