from __future__ import annotations

from dataclasses import dataclass

from meshgen import DAGDriver, InputNode, deployment

import enum


class Colour(enum.Enum):
    LightBlue = 1
    LIGHT_BLUE = 2


@dataclass
class Point:
    user_id: int
    userId: int
    größe: float


Other = dataclass(type("Point", (), {"__annotations__": {"x": float}}))


@deployment
def show(p: Point, colour: Colour, *, sizes: list[int] = [1]) -> Other:  # type: ignore
    return Other(1.0)


with InputNode(point=Point, colour=Colour) as request:
    app = DAGDriver.bind(show.bind(request.point, request.colour))
