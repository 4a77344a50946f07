from __future__ import annotations

from dataclasses import dataclass

from meshgen import DAGDriver, InputNode, deployment, inline, map_each, switch


@deployment
def number(x: float) -> float:
    return x


@deployment
def text(x: float) -> str:
    return str(x)


@inline
def kind(x: float) -> int:
    return int(x)


with InputNode(float) as request:
    one = number.bind(request)
    app = DAGDriver.bind(
        {
            "/types": switch(kind.bind(request), {0: one, 1: text.bind(request)}),
            "/case": switch(kind.bind(request), {"a": one}),
            "/selector": switch(request, {0.5: one}),
        }
    )
