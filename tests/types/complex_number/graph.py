"""No message has one."""

from __future__ import annotations

from meshgen import DAGDriver, InputNode, deployment


@deployment
def echo(x: complex) -> complex:
    return x


with InputNode(x=complex) as request:
    app = DAGDriver.bind(echo.bind(request.x))
