"""An int enum that starts at 1; protobuf's first value must be 0."""

from __future__ import annotations

import enum

from meshgen import DAGDriver, InputNode, deployment


class Priority(enum.IntEnum):
    LOW = 1
    URGENT = 10


@deployment
def echo(x: Priority) -> Priority:
    return x


with InputNode(x=Priority) as request:
    app = DAGDriver.bind(echo.bind(request.x))
