from __future__ import annotations

from dataclasses import dataclass

from meshgen import DAGDriver, InputNode, deployment


@dataclass
class Request:
    any_of_two: int | str


@deployment
def loose(x, y: float = 0.0):
    return x


@deployment
def strict(x: dict[float, str]) -> complex:
    return 1j


with InputNode(x=float, y=dict[float, str]) as request:
    app = DAGDriver.bind({"/loose": loose.bind(request.x), "/strict": strict.bind(request.y)})
