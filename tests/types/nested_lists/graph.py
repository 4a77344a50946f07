"""Lists three deep."""

from __future__ import annotations

from meshgen import DAGDriver, InputNode, deployment


@deployment
def echo(x: list[list[list[float]]]) -> list[list[list[float]]]:
    return x


with InputNode(x=list[list[list[float]]]) as request:
    app = DAGDriver.bind(echo.bind(request.x))
