"""An enum cannot give way to the rpc's own message: its name is in its values."""

from __future__ import annotations

import enum

from meshgen import DAGDriver, InputNode, deployment


class EchoRequest(enum.Enum):
    A = 1


@deployment
def echo(x: list[EchoRequest]) -> list[EchoRequest]:
    return x


with InputNode(x=list[EchoRequest]) as request:
    app = DAGDriver.bind(echo.bind(request.x))
