"""What JSON can hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from meshgen import DAGDriver, InputNode, deployment


@dataclass
class Loose:
    anything: Any
    maybe: Any | None
    fields: dict[str, Any]
    items: list[Any]
    nested: dict[str, list[Any]]
    extra: Any = None


@deployment
def echo(x: Loose) -> Loose:
    return x


with InputNode(x=Loose) as request:
    app = DAGDriver.bind(echo.bind(request.x))
