from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from meshgen import DAGDriver, Handle, InputNode, deployment


@dataclass
class Pair:
    left: float
    right: float


class Models(NamedTuple):
    first: Handle


@deployment
def total(pair: Pair) -> float:
    return pair.left + pair.right


@deployment
class Model:
    def __call__(self, x: float) -> float:
        return x


@deployment
class Chooser:
    def __init__(self, models: Models) -> None:
        self.models = models

    async def __call__(self, x: float) -> float:
        return await self.models.first.remote(x)


with InputNode(float) as x:
    chooser = Chooser.bind(Models(Model.bind()))
    y = chooser.bind(x)
    app = DAGDriver.bind({"/pair": total.bind(Pair(left=y, right=1.0)), "/plain": y})
