from __future__ import annotations

from dataclasses import dataclass

from meshgen import DAGDriver, InputNode, deployment, inline, map_each, switch


@deployment
def double(x: float) -> float:
    return 2 * x


with InputNode(word=str, words=list[str], numbers=list[float]) as request:
    app = DAGDriver.bind(
        {
            "/not-a-list": map_each(double, over=request.word),
            "/item": map_each(double, over=request.words),
            "/full": map_each(double, over=request.numbers, x=1.0),
        }
    )
