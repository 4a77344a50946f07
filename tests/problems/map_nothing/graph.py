from __future__ import annotations

from dataclasses import dataclass

from meshgen import DAGDriver, InputNode, deployment, inline, map_each, switch


with InputNode(list[float]) as request:
    app = DAGDriver.bind(map_each(len, over=request))
