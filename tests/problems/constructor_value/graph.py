from __future__ import annotations

from dataclasses import dataclass

from meshgen import DAGDriver, InputNode, deployment, inline, map_each, switch


@deployment
class Model:
    def __init__(self, weight: float) -> None:
        self.weight = weight

    def __call__(self, x: float) -> float:
        return self.weight * x


with InputNode(float) as request:
    app = DAGDriver.bind(Model.bind(request).bind(request))
