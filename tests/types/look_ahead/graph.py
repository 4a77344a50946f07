"""A pattern that RE2 has not."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from meshgen import DAGDriver, InputNode, deployment


@deployment
def echo(x: Annotated[str, Field(pattern=r"^(?!admin)\w+$")]) -> Annotated[str, Field(pattern=r"^(?!admin)\w+$")]:
    return x


with InputNode(x=Annotated[str, Field(pattern=r"^(?!admin)\w+$")]) as request:
    app = DAGDriver.bind(echo.bind(request.x))
