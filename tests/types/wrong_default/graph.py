"""Defaults that are not of their type."""

from __future__ import annotations

from meshgen import DAGDriver, InputNode, deployment


@deployment
def echo(x: int = None, y: str = 3) -> str:
    return y


with InputNode(x=int) as request:
    app = DAGDriver.bind(echo.bind(request.x))
