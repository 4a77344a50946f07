"""A model that is not its fields."""

from __future__ import annotations

from pydantic import RootModel

from meshgen import DAGDriver, InputNode, deployment


class Tags(RootModel[list[str]]):
    pass


@deployment
def echo(x: Tags) -> Tags:
    return x


with InputNode(x=Tags) as request:
    app = DAGDriver.bind(echo.bind(request.x))
