"""Any takes everything."""

from __future__ import annotations

from typing import Any

from meshgen import DAGDriver, InputNode, deployment


@deployment
def echo(x: Any | int) -> Any | int:
    return x


with InputNode(x=Any | int) as request:
    app = DAGDriver.bind(echo.bind(request.x))
