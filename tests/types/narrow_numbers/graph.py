"""32 bits, because somebody said so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from meshgen import DAGDriver, Float32, InputNode, Int32, deployment


@dataclass
class Narrow:
    a: Annotated[int, Int32]
    b: Annotated[float, Float32] | None
    c: list[Annotated[int, Int32]]
    d: dict[str, Annotated[float, Float32]]


@deployment
def echo(x: Narrow) -> Narrow:
    return x


with InputNode(x=Narrow) as request:
    app = DAGDriver.bind(echo.bind(request.x))
