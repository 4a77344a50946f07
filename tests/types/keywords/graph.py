"""Fields named after keywords of Python's clients and of protobuf itself."""

from __future__ import annotations

from typing import TypedDict

from meshgen import DAGDriver, InputNode, deployment

Words = TypedDict("Words", {"class": int, "import": str, "message": bool, "optional": float, "from": str, "None": int})


@deployment
def echo(x: Words) -> Words:
    return x


with InputNode(x=Words) as request:
    app = DAGDriver.bind(echo.bind(request.x))
