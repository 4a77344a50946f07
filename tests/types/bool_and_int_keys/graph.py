"""Keys that a map can have."""

from __future__ import annotations

from meshgen import DAGDriver, InputNode, deployment


@deployment
def echo(x: dict[bool, dict[int, str]]) -> dict[bool, dict[int, str]]:
    return x


with InputNode(x=dict[bool, dict[int, str]]) as request:
    app = DAGDriver.bind(echo.bind(request.x))
