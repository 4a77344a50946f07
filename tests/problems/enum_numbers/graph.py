from __future__ import annotations

from enum import IntEnum

from meshgen import DAGDriver, InputNode, deployment


class Severity(IntEnum):
    LOW = 3
    MIDDLE = 2
    HIGH = 1


@deployment
def route(severity: Severity) -> Severity:
    return severity


with InputNode(severity=Severity) as request:
    app = DAGDriver.bind(route.bind(request.severity))
