from __future__ import annotations

from dataclasses import dataclass

from meshgen import DAGDriver, InputNode, deployment, inline, map_each, switch


@deployment
def double(x: float) -> float:
    return 2 * x


with InputNode(float) as request:
    doubled = double.bind(request)
    if doubled > 3:
        doubled = double.bind(doubled)
    app = DAGDriver.bind(doubled)
