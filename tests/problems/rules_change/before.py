from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Len

from meshgen import DAGDriver, InputNode, deployment


@deployment
def add(x: Annotated[int, Ge(1)], names: Annotated[list[str], Len(0, 10)], y: int = 0) -> int:
    return x + y + len(names)


with InputNode(x=int, names=list[str]) as request:
    app = DAGDriver.bind(add.bind(request.x, request.names))
