"""Literals of text and of ints, with None, and of both."""

from __future__ import annotations

from typing import Literal

from meshgen import DAGDriver, InputNode, deployment

Size = Literal["s", "m", "l"]


@deployment
def echo(x: dict[str, Size | Literal[1, 2, "auto"] | None]) -> dict[str, Size | Literal[1, 2, "auto"] | None]:
    return x


with InputNode(x=dict[str, Size | Literal[1, 2, "auto"] | None]) as request:
    app = DAGDriver.bind(echo.bind(request.x))
