"""Class names with capitals and digits inside; their enums need a prefix that buf splits alike."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from meshgen import DAGDriver, InputNode, deployment


class YOLOv8Size(enum.Enum):
    NANO = "n"
    XLarge = "x"


class GPU2Kind(enum.Enum):
    A100 = 1


@dataclass
class _HTTPReply2:
    size: YOLOv8Size
    gpu: GPU2Kind


@deployment
def echo(x: _HTTPReply2) -> _HTTPReply2:
    return x


with InputNode(x=_HTTPReply2) as request:
    app = DAGDriver.bind(echo.bind(request.x))
