from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, MaxLen

from meshgen import DAGDriver, InputNode, deployment

Rows = list[list[Annotated[int, Ge(0)]]]


@deployment
def show(rows: Rows, by_name: dict[str, list[int]], pair: tuple[Annotated[str, MaxLen(3)], int]) -> tuple[str, int]:
    return pair


with InputNode(rows=Rows, by_name=dict[str, list[int]], pair=tuple[str, int]) as request:
    app = DAGDriver.bind(show.bind(request.rows, request.by_name, request.pair))
