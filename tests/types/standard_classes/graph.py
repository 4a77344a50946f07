"""Classes of the standard library."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from meshgen import DAGDriver, InputNode, deployment


@dataclass
class Record:
    at: datetime
    took: timedelta
    day: date
    price: Decimal
    key: UUID
    seen: list[datetime]
    by_name: dict[str, UUID]
    last: date | None = None


@deployment
def echo(x: Record) -> Record:
    return x


with InputNode(x=Record) as request:
    app = DAGDriver.bind(echo.bind(request.x))
