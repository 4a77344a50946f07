"""A member with the name that stands for `not said`."""

from __future__ import annotations

import enum

from meshgen import DAGDriver, InputNode, deployment


class Kind(enum.Enum):
    UNSPECIFIED = 0
    CAT = 1


@deployment
def echo(x: Kind) -> Kind:
    return x


with InputNode(x=Kind) as request:
    app = DAGDriver.bind(echo.bind(request.x))
