"""None in a list and in a dict."""

from __future__ import annotations

from meshgen import DAGDriver, InputNode, deployment


@deployment
def echo(x: dict[str, list[int | None] | None]) -> dict[str, list[int | None] | None]:
    return x


with InputNode(x=dict[str, list[int | None] | None]) as request:
    app = DAGDriver.bind(echo.bind(request.x))
