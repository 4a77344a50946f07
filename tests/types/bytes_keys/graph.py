"""Keys that a map cannot have."""

from __future__ import annotations

from meshgen import DAGDriver, InputNode, deployment


@deployment
def echo(x: dict[bytes, int]) -> dict[bytes, int]:
    return x


with InputNode(x=dict[bytes, int]) as request:
    app = DAGDriver.bind(echo.bind(request.x))
