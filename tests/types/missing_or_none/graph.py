"""A key that may be missing and may be None."""

from __future__ import annotations

from typing import TypedDict

from meshgen import DAGDriver, InputNode, deployment


class Options(TypedDict, total=False):
    depth: int | None


@deployment
def echo(x: Options) -> Options:
    return x


with InputNode(x=Options) as request:
    app = DAGDriver.bind(echo.bind(request.x))
