"""Sequence, Mapping and Set arrive as list, dict and set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

from meshgen import DAGDriver, InputNode, deployment


@deployment
def echo(x: Mapping[str, Sequence[Set[int]]]) -> Mapping[str, Sequence[Set[int]]]:
    return x


with InputNode(x=Mapping[str, Sequence[Set[int]]]) as request:
    app = DAGDriver.bind(echo.bind(request.x))
