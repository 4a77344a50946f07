"""Two TypedDicts that no value tells apart."""

from __future__ import annotations

from typing import TypedDict

from meshgen import DAGDriver, InputNode, deployment


class Size(TypedDict):
    width: int


class Place(TypedDict, total=False):
    width: int
    left: int


@deployment
def echo(x: Size | Place) -> Size | Place:
    return x


with InputNode(x=Size | Place) as request:
    app = DAGDriver.bind(echo.bind(request.x))
