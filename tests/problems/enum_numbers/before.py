from __future__ import annotations

from enum import Enum

from meshgen import DAGDriver, InputNode, deployment


class Severity(Enum):
    LOW = "low"
    MIDDLE = "middle"
    HIGH = "high"


@deployment
def route(severity: Severity) -> Severity:
    return severity


with InputNode(severity=Severity) as request:
    app = DAGDriver.bind(route.bind(request.severity))
