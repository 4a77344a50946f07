"""One node; as quick to start as a mesh can be."""

from __future__ import annotations

from meshgen import DAGDriver, InputNode, deployment


@deployment
def echo(text: str) -> str:
    """The text itself."""
    return text


with InputNode(text=str) as request:
    app = DAGDriver.bind(echo.bind(request.text))
