"""A record with the name that the rpc's own message has."""

from __future__ import annotations

from dataclasses import dataclass

from meshgen import DAGDriver, InputNode, deployment


@dataclass
class EchoRequest:
    text: str


@dataclass
class EchoResponse:
    text: str


@deployment
def echo(x: list[EchoRequest]) -> list[EchoResponse]:
    return [EchoResponse(r.text) for r in x]


with InputNode(x=list[EchoRequest]) as request:
    app = DAGDriver.bind(echo.bind(request.x))
