from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from meshgen import DAGDriver, InputNode, deployment


@dataclass
class Reply:
    extra: dict[str, Any]


@deployment
def show(x: Any) -> Reply:
    return Reply({"x": x})


with InputNode(x=Any) as request:
    app = DAGDriver.bind(show.bind(request.x))
