"""A class that keeps not what it is made from."""

from __future__ import annotations

from dataclasses import InitVar, dataclass

from meshgen import DAGDriver, InputNode, deployment


@dataclass
class Scaled:
    value: float
    factor: InitVar[float]

    def __post_init__(self, factor: float) -> None:
        self.value *= factor


@deployment
def echo(x: Scaled) -> Scaled:
    return x


with InputNode(x=Scaled) as request:
    app = DAGDriver.bind(echo.bind(request.x))
