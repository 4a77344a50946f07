from __future__ import annotations

from dataclasses import dataclass

from meshgen import DAGDriver, InputNode, deployment, inline, map_each, switch


@deployment
def add(a: float, b: float) -> float:
    return a + b


with InputNode(float) as first, InputNode(float) as second:
    app = DAGDriver.bind(add.bind(first, second))
