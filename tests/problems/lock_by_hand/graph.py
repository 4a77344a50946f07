from __future__ import annotations

from meshgen import DAGDriver, InputNode, deployment


@deployment
def add(x: int, y: int) -> int:
    return x + y


with InputNode(x=int, y=int) as request:
    app = DAGDriver.bind(add.bind(request.x, request.y))
