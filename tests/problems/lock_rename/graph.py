from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from meshgen import DAGDriver, InputNode, RenamedFrom, deployment


@dataclass
class Label:
    title: Annotated[str, RenamedFrom("name")]
    length: Annotated[int, RenamedFrom("text")]
    short: Annotated[str, RenamedFrom("text")]


@deployment
def double(y: Annotated[int, RenamedFrom("x")], x: int = 0) -> Label:
    return Label(str(2 * y), 1, "")


with InputNode(x=int) as request:
    app = DAGDriver.bind(double.bind(request.x))
