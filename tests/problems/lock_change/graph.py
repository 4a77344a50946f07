from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Literal

from meshgen import DAGDriver, InputNode, RenamedFrom, deployment


class Color(Enum):
    RED = 1
    BLUE = 3


@dataclass
class Label:
    title: Annotated[str, RenamedFrom("name")]
    score: float
    color: Color
    size: int
    note: str | None = None


@deployment
def double(x: int, mode: Literal["fast"], factor: int = 2) -> Label:
    return Label("a", factor * x, Color.RED, 1)


@deployment
class Models:
    def first(self, label: Label) -> list[Label]:
        return [label]


with InputNode(x=int, mode=Literal["fast"]) as request:
    label = double.bind(request.x, request.mode)
    models = Models.options(name="models").bind()
    app = DAGDriver.bind({"/labels": models.first.bind(label)})
