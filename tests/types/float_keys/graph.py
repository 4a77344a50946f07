"""Keys that a map cannot have."""

from __future__ import annotations

from meshgen import DAGDriver, InputNode, deployment


@deployment
def echo(x: dict[float, str]) -> dict[float, str]:
    return x


with InputNode(x=dict[float, str]) as request:
    app = DAGDriver.bind(echo.bind(request.x))
