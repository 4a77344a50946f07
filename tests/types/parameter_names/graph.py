"""Parameters that are keywords elsewhere."""

from __future__ import annotations

from meshgen import DAGDriver, InputNode, deployment


@deployment
def echo(message: str, service: int, rpc: float, self_: bool) -> str:
    return message


with InputNode(message=str, service=int, rpc=float, self_=bool) as request:
    app = DAGDriver.bind(echo.bind(request.message, request.service, request.rpc, request.self_))
