"""Where other mappers of Python's types to protobuf go wrong, in one record."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from meshgen import DAGDriver, InputNode, deployment


class Colour(str, enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


class Undocumented(BaseModel):
    count: int
    ratio: float
    rows: list[list[float]]
    lists: dict[str, list[int]]
    maybe: list[int] | None
    either: list[int] | str
    colour: Colour
    level: Level
    pair: tuple[int, str]
    size: Literal["s", "m"]
    anything: Any
    seen: list[datetime]
    score: float = Field(ge=0, le=1)


@deployment
def echo(x: Undocumented) -> list[Undocumented]:
    return [x]


with InputNode(x=Undocumented) as request:
    app = DAGDriver.bind(echo.bind(request.x))
