"""Every scalar at once."""

from __future__ import annotations

from meshgen import DAGDriver, InputNode, deployment


@deployment
def echo(x: bool | int | float | str | bytes) -> bool | int | float | str | bytes:
    return x


with InputNode(x=bool | int | float | str | bytes) as request:
    app = DAGDriver.bind(echo.bind(request.x))
