"""A generic record without its argument."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from meshgen import DAGDriver, InputNode, deployment

T = TypeVar("T")


@dataclass
class Page(Generic[T]):
    items: list[T]


@deployment
def echo(x: Page) -> Page:
    return x


with InputNode(x=Page) as request:
    app = DAGDriver.bind(echo.bind(request.x))
