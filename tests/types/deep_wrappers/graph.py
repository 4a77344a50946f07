"""A holder inside a holder inside a oneof."""

from __future__ import annotations

from meshgen import DAGDriver, InputNode, deployment


@deployment
def echo(
    x: dict[str, list[int | list[str] | None]] | list[dict[str, float | None]],
) -> dict[str, list[int | list[str] | None]] | list[dict[str, float | None]]:
    return x


with InputNode(x=dict[str, list[int | list[str] | None]] | list[dict[str, float | None]]) as request:
    app = DAGDriver.bind(echo.bind(request.x))
