"""Constraints as pydantic models write them."""

from __future__ import annotations

from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    PositiveInt,
    StringConstraints,
    conint,
    conlist,
)

from meshgen import DAGDriver, InputNode, deployment


class Search(BaseModel):
    """What to look for."""

    text: str = Field(min_length=1, max_length=200, description="Words, as a person types them.")
    limit: PositiveInt = 10
    page: conint(ge=1, le=100) = 1
    tags: conlist(str, max_length=5) = []
    ratio: float = Field(default=0.5, gt=0, lt=1, allow_inf_nan=False)
    code: Annotated[str, StringConstraints(pattern=r"^\w{2,4}$")] | None = None
    name: Annotated[str, AfterValidator(str.strip)] = ""
    shout: Annotated[str, StringConstraints(strip_whitespace=True, max_length=3)] = ""


@deployment
def echo(x: Search) -> Search:
    return x


with InputNode(x=Search) as request:
    app = DAGDriver.bind(echo.bind(request.x))
