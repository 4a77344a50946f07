"""Two members that protobuf takes for one."""

from __future__ import annotations

import enum

from meshgen import DAGDriver, InputNode, deployment


class Mode(enum.Enum):
    fast = 1
    FAST = 2


@deployment
def echo(x: Mode) -> Mode:
    return x


with InputNode(x=Mode) as request:
    app = DAGDriver.bind(echo.bind(request.x))
