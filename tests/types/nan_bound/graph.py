"""A bound that nothing satisfies."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge

from meshgen import DAGDriver, InputNode, deployment


@deployment
def echo(x: Annotated[float, Ge(float("nan"))]) -> Annotated[float, Ge(float("nan"))]:
    return x


with InputNode(x=Annotated[float, Ge(float("nan"))]) as request:
    app = DAGDriver.bind(echo.bind(request.x))
