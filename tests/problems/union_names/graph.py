from __future__ import annotations

from dataclasses import dataclass

from meshgen import DAGDriver, InputNode, deployment


@dataclass
class Circle:
    radius: float


@deployment
def show(shape: Circle | str, shape_circle: int) -> int:
    return shape_circle


with InputNode(shape=Circle | str, shape_circle=int) as request:
    app = DAGDriver.bind(show.bind(request.shape, request.shape_circle))
