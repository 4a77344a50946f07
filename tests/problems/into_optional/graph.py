from __future__ import annotations

from dataclasses import dataclass

from meshgen import DAGDriver, InputNode, deployment, inline, map_each, switch


@dataclass
class Box:
    width: float


@dataclass
class Request:
    box: Box | None
    sizes: dict[str, float]


@deployment
def double(x: float) -> float:
    return 2 * x


with InputNode(Request) as request:
    app = DAGDriver.bind({"/a": double.bind(request.box.width), "/b": double.bind(request.sizes.x.y)})
