"""Bounds with nothing between them."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Gt, Lt

from meshgen import DAGDriver, InputNode, deployment


@deployment
def echo(x: Annotated[int, Gt(4), Lt(5)]) -> Annotated[int, Gt(4), Lt(5)]:
    return x


with InputNode(x=Annotated[int, Gt(4), Lt(5)]) as request:
    app = DAGDriver.bind(echo.bind(request.x))
