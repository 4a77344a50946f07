from __future__ import annotations

from dataclasses import dataclass

from meshgen import DAGDriver, InputNode, deployment, inline, map_each, switch

from collections.abc import Iterator


@deployment
def count(n: int) -> Iterator[int]:
    yield from range(n)


with InputNode(int) as request:
    app = DAGDriver.bind(count.bind(request))
