"""A renamed record and a renamed enum that keep their names on the wire."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from meshgen import DAGDriver, InputNode, deployment, wire_name


@wire_name("Colour")
class Shade(enum.Enum):
    RED = 1


@wire_name("Label")
@dataclass
class Tag:
    text: str
    shade: Shade


@deployment
def echo(x: list[Tag]) -> list[Tag]:
    return x


with InputNode(x=list[Tag]) as request:
    app = DAGDriver.bind(echo.bind(request.x))
