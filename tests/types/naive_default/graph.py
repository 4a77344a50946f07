"""A default that is no moment in time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from meshgen import DAGDriver, InputNode, deployment


@dataclass
class Event:
    at: datetime = datetime(2020, 1, 1)


@deployment
def echo(x: Event) -> Event:
    return x


with InputNode(x=Event) as request:
    app = DAGDriver.bind(echo.bind(request.x))
