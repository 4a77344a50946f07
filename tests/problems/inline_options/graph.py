from __future__ import annotations

from dataclasses import dataclass

from meshgen import DAGDriver, InputNode, deployment, inline, map_each, switch


@inline
def double(x: float) -> float:
    return 2 * x


with InputNode(float) as request:
    app = DAGDriver.bind(double.options(num_replicas=2).bind(request))
