from __future__ import annotations

from dataclasses import dataclass

from meshgen import DAGDriver, InputNode, deployment, inline, map_each, switch


@deployment
class Model:
    def __call__(self, x: float) -> float:
        return x


@deployment
def show(x: float) -> float:
    return x


request = InputNode(float)
app = DAGDriver.bind({"/model": show.bind(Model.bind()), "/input": show.bind(request), "/raw": Model.bind()})
