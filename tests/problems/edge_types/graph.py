from __future__ import annotations

from dataclasses import dataclass

from meshgen import DAGDriver, InputNode, deployment, inline, map_each, switch


@dataclass
class Request:
    text: str


@deployment
def measure(text: str) -> int:
    return len(text)


@deployment
def shout(text: str) -> str:
    return text.upper()


with InputNode(Request) as request:
    app = DAGDriver.bind(shout.bind(measure.bind(request.text)))
