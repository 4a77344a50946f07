"""A class without declared fields."""

from __future__ import annotations

from meshgen import DAGDriver, InputNode, deployment


class Session:
    def __init__(self, user: str) -> None:
        self.user = user


@deployment
def echo(x: Session) -> Session:
    return x


with InputNode(x=Session) as request:
    app = DAGDriver.bind(echo.bind(request.x))
