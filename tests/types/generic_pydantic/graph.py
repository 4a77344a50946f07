"""pydantic's generics."""

from __future__ import annotations

from typing import Generic, TypeVar

from pydantic import BaseModel, Field

from meshgen import DAGDriver, InputNode, deployment

T = TypeVar("T")


class Page(BaseModel, Generic[T]):
    items: list[T] = Field(max_length=10)
    next: Page[T] | None = None


@deployment
def echo(x: Page[int]) -> Page[str]:
    return Page[str](items=[])


with InputNode(x=Page[int]) as request:
    app = DAGDriver.bind(echo.bind(request.x))
