"""Everything is an object."""

from __future__ import annotations

from meshgen import DAGDriver, InputNode, deployment


@deployment
def echo(x: object) -> object:
    return x


with InputNode(x=object) as request:
    app = DAGDriver.bind(echo.bind(request.x))
