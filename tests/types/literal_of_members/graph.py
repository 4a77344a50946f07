"""A Literal of an enum's members."""

from __future__ import annotations

import enum
from typing import Literal

from meshgen import DAGDriver, InputNode, deployment


class Colour(enum.Enum):
    RED = 1


@deployment
def echo(x: Literal[Colour.RED]) -> Literal[Colour.RED]:
    return x


with InputNode(x=Literal[Colour.RED]) as request:
    app = DAGDriver.bind(echo.bind(request.x))
