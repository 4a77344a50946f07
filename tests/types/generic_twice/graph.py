"""One generic record with two arguments, and one that inherits from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from meshgen import DAGDriver, InputNode, deployment

T = TypeVar("T")


@dataclass
class Page(Generic[T]):
    items: list[T]
    first: T | None
    next: Page[T] | None = None


@dataclass
class Named(Page[bool]):
    name: str = ""


@deployment
def echo(x: Page[int]) -> tuple[Page[str], Page[Page[float]], Named]:
    raise NotImplementedError


with InputNode(x=Page[int]) as request:
    app = DAGDriver.bind(echo.bind(request.x))
