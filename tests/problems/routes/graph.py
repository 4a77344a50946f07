from __future__ import annotations

from dataclasses import dataclass

from meshgen import DAGDriver, InputNode, deployment, inline, map_each, switch


@deployment
def double(x: float) -> float:
    return 2 * x


with InputNode(float) as request:
    y = double.bind(request)
    app = DAGDriver.options(route_prefix="nowhere").bind({"no_slash": y, "/a-b": y, "/a_b": y})
