from __future__ import annotations

from dataclasses import dataclass

from meshgen import DAGDriver, InputNode, deployment


@dataclass
class Label:
    text: str


@deployment
def double(x: int) -> Label:
    return Label(str(2 * x))


with InputNode(x=int) as request:
    app = DAGDriver.bind(double.bind(request.x))
