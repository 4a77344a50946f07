from __future__ import annotations

from dataclasses import dataclass

from meshgen import DAGDriver, InputNode, deployment


@deployment
def double(x: float) -> float:
    return 2 * x


with InputNode(x=float) as request:
    app = DAGDriver.bind(double.bind(request.x))
