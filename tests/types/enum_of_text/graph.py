"""A str enum: members travel by name, their values stay in Python."""

from __future__ import annotations

import enum

from meshgen import DAGDriver, InputNode, deployment


class Colour(str, enum.Enum):
    RED = "red"
    LIGHT_BLUE = "light blue"


@deployment
def echo(x: list[Colour]) -> list[Colour]:
    return x


with InputNode(x=list[Colour]) as request:
    app = DAGDriver.bind(echo.bind(request.x))
