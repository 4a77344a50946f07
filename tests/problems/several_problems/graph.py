from __future__ import annotations

from dataclasses import dataclass

from meshgen import DAGDriver, InputNode, deployment, inline, map_each, switch


@dataclass
class Request:
    text: str


@deployment
class Model:
    def forward(self, x: float, bias: float) -> float:
        return x + bias


@deployment
def join(*parts: float) -> float:
    return sum(parts)


with InputNode(Request) as request:
    model = Model.bind(3)
    app = DAGDriver.bind(join.bind(model.forwrd.bind(request.txt), model.forward.bind(request.text)))
