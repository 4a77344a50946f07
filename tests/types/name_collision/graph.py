"""Two fields that are one in JSON."""

from __future__ import annotations

from dataclasses import dataclass

from meshgen import DAGDriver, InputNode, deployment


@dataclass
class User:
    user_id: int
    userId: int


@deployment
def echo(x: User) -> User:
    return x


with InputNode(x=User) as request:
    app = DAGDriver.bind(echo.bind(request.x))
