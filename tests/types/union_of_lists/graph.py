"""Lists and dicts as members."""

from __future__ import annotations

from meshgen import DAGDriver, InputNode, deployment


@deployment
def echo(x: list[int] | list[str] | dict[str, float] | None) -> list[int] | list[str] | dict[str, float] | None:
    return x


with InputNode(x=list[int] | list[str] | dict[str, float] | None) as request:
    app = DAGDriver.bind(echo.bind(request.x))
