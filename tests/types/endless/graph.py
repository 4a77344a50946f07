"""A record that has itself as a part."""

from __future__ import annotations

from dataclasses import dataclass

from meshgen import DAGDriver, InputNode, deployment


@dataclass
class Loop:
    inner: Loop


@deployment
def echo(x: Loop) -> Loop:
    return x


with InputNode(x=Loop) as request:
    app = DAGDriver.bind(echo.bind(request.x))
