from __future__ import annotations

from dataclasses import dataclass

from meshgen import DAGDriver, InputNode, deployment


@deployment
class Model:
    def check(self, x: float) -> float:
        return x

    def to_text(self, x: float) -> float:
        return x

    def toText(self, x: float) -> float:
        return x


with InputNode(float) as x:
    model = Model.options(name="google").bind()
    y = model.check.bind(model.to_text.bind(model.toText.bind(x)))
    app = DAGDriver.options(route_prefix="/healthz").bind(y)
