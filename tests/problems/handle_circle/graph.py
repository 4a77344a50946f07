from __future__ import annotations

from dataclasses import dataclass

from meshgen import DAGDriver, InputNode, deployment, inline, map_each, switch


@deployment
class Node:
    def __init__(self, others: list) -> None:
        self.others = others

    def __call__(self, x: float) -> float:
        return x


others: list = []
with InputNode(float) as request:
    node = Node.bind(others)
    others.append(node)
    app = DAGDriver.bind(node.bind(request))
