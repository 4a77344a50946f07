"""What is read once."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen import DAGDriver, InputNode, deployment


@deployment
def echo(x: Iterator[int]) -> int:
    return sum(x)


with InputNode(x=Iterator[int]) as request:
    app = DAGDriver.bind(echo.bind(request.x))
