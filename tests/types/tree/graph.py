"""A record inside itself by list, dict and optional."""

from __future__ import annotations

from dataclasses import dataclass

from meshgen import DAGDriver, InputNode, deployment


@dataclass
class Tree:
    value: int
    children: list[Tree]
    named: dict[str, Tree]
    parent: Tree | None = None


@deployment
def echo(x: Tree) -> Tree:
    return x


with InputNode(x=Tree) as request:
    app = DAGDriver.bind(echo.bind(request.x))
