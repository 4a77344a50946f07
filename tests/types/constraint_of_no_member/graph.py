"""A constraint that fits no member of a union, and one that fits one of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from annotated_types import Ge, MinLen

from meshgen import DAGDriver, InputNode, deployment


@deployment
def echo(x: Annotated[bool | datetime, MinLen(1)], y: Annotated[int | str, Ge(0)]) -> int:
    return 0


with InputNode(x=Annotated[bool | datetime, MinLen(1)], y=Annotated[int | str, Ge(0)]) as request:
    app = DAGDriver.bind(echo.bind(request.x, request.y))
