from __future__ import annotations

from dataclasses import dataclass

from meshgen import DAGDriver, InputNode, deployment, inline, map_each, switch


@deployment
def total(parts: list[float]) -> float:
    return sum(parts)


@deployment
def double(x: float) -> float:
    return 2 * x


with InputNode(float) as request:
    parts = [request]
    doubled = double.bind(total.bind(parts))
    parts.append(doubled)
    app = DAGDriver.bind(doubled)
