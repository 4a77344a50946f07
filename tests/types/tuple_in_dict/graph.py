"""A fixed tuple, and one of any length, as values of a map."""

from __future__ import annotations

from meshgen import DAGDriver, InputNode, deployment


@deployment
def echo(x: dict[str, tuple[int, str, tuple[float, ...]]]) -> dict[str, tuple[int, str, tuple[float, ...]]]:
    return x


with InputNode(x=dict[str, tuple[int, str, tuple[float, ...]]]) as request:
    app = DAGDriver.bind(echo.bind(request.x))
