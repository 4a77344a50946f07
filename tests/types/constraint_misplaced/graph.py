"""A bound on what has no order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge

from meshgen import DAGDriver, InputNode, deployment


@dataclass
class Label:
    text: str


@deployment
def echo(x: Annotated[Label, Ge(0)]) -> Annotated[Label, Ge(0)]:
    return x


with InputNode(x=Annotated[Label, Ge(0)]) as request:
    app = DAGDriver.bind(echo.bind(request.x))
