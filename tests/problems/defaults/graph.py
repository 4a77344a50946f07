from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Sequence

import numpy as np

from meshgen import DAGDriver, InputNode, deployment


@dataclass
class Event:
    at: datetime = datetime(2020, 1, 1)
    names: Sequence[str] = ("a tuple is fine",)
    ratio: float = np.float32(0.5)


@deployment
def store(event: Event, size: int = None, label: str = 3, rows: list[int] = (1, "two")) -> str:
    return label


with InputNode(event=Event) as request:
    app = DAGDriver.bind(store.bind(request.event))
