"""Where protobuf has no place for a oneof, it gets a message."""

from __future__ import annotations

from meshgen import DAGDriver, InputNode, deployment


@deployment
def echo(x: list[int | str]) -> dict[str, int | str | None]:
    return {}


with InputNode(x=list[int | str]) as request:
    app = DAGDriver.bind(echo.bind(request.x))
