from __future__ import annotations

from dataclasses import dataclass

from meshgen import DAGDriver, InputNode, deployment, inline, map_each, switch


@deployment
def greet(text: str) -> str:
    return text


with InputNode(str) as request:
    app = DAGDriver.bind(greet.bind(f"hello {request}"))
