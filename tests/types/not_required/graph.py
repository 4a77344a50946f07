"""Keys that may be missing."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from meshgen import DAGDriver, InputNode, deployment


class Options(TypedDict):
    depth: int
    names: NotRequired[list[str]]


class More(Options, total=False):
    label: str


@deployment
def echo(x: More) -> More:
    return x


with InputNode(x=More) as request:
    app = DAGDriver.bind(echo.bind(request.x))
