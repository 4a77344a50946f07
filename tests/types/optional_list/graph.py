"""A list, a dict and a list of lists that may be None."""

from __future__ import annotations

from dataclasses import dataclass

from meshgen import DAGDriver, InputNode, deployment


@dataclass
class Maybe:
    names: list[str] | None
    counts: dict[str, int] | None
    rows: list[list[int]] | None


@deployment
def echo(x: Maybe) -> Maybe:
    return x


with InputNode(x=Maybe) as request:
    app = DAGDriver.bind(echo.bind(request.x))
