from __future__ import annotations

from dataclasses import dataclass

from meshgen import DAGDriver, InputNode, deployment


@dataclass
class Inner:
    name: str
    size: complex


@dataclass
class Outer:
    inner: list[Inner]
    score: flaot


class Plain:
    pass


@deployment
def same(x: Outer, y: Inner) -> Outer:
    return x


@deployment
def plain(x: Outer) -> Plain:
    return Plain()


with InputNode(x=Outer, y=Inner) as request:
    app = DAGDriver.bind(plain.bind(same.bind(request.x, request.y)))
