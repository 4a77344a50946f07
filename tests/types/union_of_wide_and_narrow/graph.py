"""Python has one int."""

from __future__ import annotations

from typing import Annotated

from meshgen import DAGDriver, InputNode, Int32, deployment


@deployment
def echo(x: int | Annotated[int, Int32]) -> int | Annotated[int, Int32]:
    return x


with InputNode(x=int | Annotated[int, Int32]) as request:
    app = DAGDriver.bind(echo.bind(request.x))
