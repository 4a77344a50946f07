"""A field whose type is imported for type checkers only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

from meshgen import DAGDriver, InputNode, deployment


@dataclass
class Event:
    at: datetime


@deployment
def echo(x: Event) -> Event:
    return x


with InputNode(x=Event) as request:
    app = DAGDriver.bind(echo.bind(request.x))
