from __future__ import annotations

from dataclasses import dataclass

from meshgen import DAGDriver, InputNode, deployment, inline, map_each, switch


@deployment
class Model:
    def __init__(self, weight: float) -> None:
        self.weight = weight

    def __call__(self, x: float) -> float:
        return self.weight * x


@deployment
def add(a: float, b: float) -> float:
    return a + b


with InputNode(float) as request:
    small = Model.options(name="model").bind(1)
    large = Model.options(name="model").bind(2)
    app = DAGDriver.bind(add.bind(small.bind(request), large.bind(request)))
