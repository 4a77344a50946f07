"""Two members that have one name on the wire."""

from __future__ import annotations

from meshgen import DAGDriver, InputNode, deployment


@deployment
def echo(x: list[int] | set[int]) -> list[int] | set[int]:
    return x


with InputNode(x=list[int] | set[int]) as request:
    app = DAGDriver.bind(echo.bind(request.x))
