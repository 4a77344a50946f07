from __future__ import annotations

from dataclasses import dataclass

from meshgen import DAGDriver, InputNode, deployment, inline, map_each, switch


with InputNode(int) as request:
    app = DAGDriver.bind(switch(request, {}))
