"""Docstrings and descriptions become comments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from typing_extensions import Doc

from meshgen import DAGDriver, InputNode, deployment


@dataclass
class Box:
    """A rectangle.

    In pixels of the original image.
    """

    width: Annotated[int, Doc("From left to right.")]


@deployment
def echo(x: Box) -> Box:
    return x


with InputNode(x=Box) as request:
    app = DAGDriver.bind(echo.bind(request.x))
