"""A class of one's own around text would be lost."""

from __future__ import annotations

from meshgen import DAGDriver, InputNode, deployment


class Name(str):
    pass


@deployment
def echo(x: Name) -> Name:
    return x


with InputNode(x=Name) as request:
    app = DAGDriver.bind(echo.bind(request.x))
