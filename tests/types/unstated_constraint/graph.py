"""A constraint that no contract can state, outside of a class that checks it."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Predicate

from meshgen import DAGDriver, InputNode, deployment


@deployment
def echo(x: Annotated[str, Predicate(str.isidentifier)]) -> Annotated[str, Predicate(str.isidentifier)]:
    return x


with InputNode(x=Annotated[str, Predicate(str.isidentifier)]) as request:
    app = DAGDriver.bind(echo.bind(request.x))
