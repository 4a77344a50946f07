"""Maps in maps."""

from __future__ import annotations

from meshgen import DAGDriver, InputNode, deployment


@deployment
def echo(x: dict[str, dict[int, list[str]]]) -> dict[str, dict[int, list[str]]]:
    return x


with InputNode(x=dict[str, dict[int, list[str]]]) as request:
    app = DAGDriver.bind(echo.bind(request.x))
