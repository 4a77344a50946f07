from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal

from meshgen import DAGDriver, InputNode, deployment


class Color(Enum):
    RED = 1
    GREEN = 2


@dataclass
class Label:
    name: str
    score: int
    color: Color
    note: str | None = None


@deployment
def double(x: int, mode: Literal["fast", "exact"]) -> Label:
    return Label("a", 2 * x, Color.RED)


@deployment
class Models:
    def first(self, label: Label) -> list[Label]:
        return [label]

    def second(self, label: Label) -> int:
        return label.score


with InputNode(x=int, mode=Literal["fast", "exact"]) as request:
    label = double.bind(request.x, request.mode)
    models = Models.options(name="models").bind()
    app = DAGDriver.bind({"/labels": models.first.bind(label), "/scores": models.second.bind(label)})
