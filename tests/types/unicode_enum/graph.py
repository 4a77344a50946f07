"""A member that ASCII cannot write."""

from __future__ import annotations

import enum

from meshgen import DAGDriver, InputNode, deployment


class Farbe(enum.Enum):
    ROT = 1
    GRÜN = 2


@deployment
def echo(x: Farbe) -> Farbe:
    return x


with InputNode(x=Farbe) as request:
    app = DAGDriver.bind(echo.bind(request.x))
