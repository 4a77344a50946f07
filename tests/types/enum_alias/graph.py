"""An alias is no value of its own."""

from __future__ import annotations

import enum

from meshgen import DAGDriver, InputNode, deployment


class Level(enum.IntEnum):
    LOW = 1
    SMALL = 1
    HIGH = 2


@deployment
def echo(x: Level) -> Level:
    return x


with InputNode(x=Level) as request:
    app = DAGDriver.bind(echo.bind(request.x))
