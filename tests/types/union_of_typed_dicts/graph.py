"""Told apart by their tag."""

from __future__ import annotations

from typing import Literal, TypedDict

from meshgen import DAGDriver, InputNode, deployment


class Click(TypedDict):
    kind: Literal["click"]
    x: int


class Key(TypedDict):
    kind: Literal["key"]
    code: str


@deployment
def echo(x: list[Click | Key]) -> list[Click | Key]:
    return x


with InputNode(x=list[Click | Key]) as request:
    app = DAGDriver.bind(echo.bind(request.x))
