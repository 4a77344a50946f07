"""Keys that a map cannot have."""

from __future__ import annotations

import enum

from meshgen import DAGDriver, InputNode, deployment


class Colour(enum.Enum):
    RED = 1


@deployment
def echo(x: dict[Colour, int]) -> dict[Colour, int]:
    return x


with InputNode(x=dict[Colour, int]) as request:
    app = DAGDriver.bind(echo.bind(request.x))
