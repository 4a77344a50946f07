"""A graph whose nodes do what replicas must cope with."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from meshgen import DAGDriver, Handle, InputNode, Internal, NotFound, current_request, deployment, inline


@dataclass
class Request:
    text: str


@dataclass
class Seen:
    graph: str
    route: str
    node: str
    who: str
    remaining: float
    trace_id: str


CANCELLED: list[str] = []


@deployment
class Leaf:
    def __init__(self, weight: int) -> None:
        self.weight = weight

    def forward(self, text: str) -> str:
        return f"{self.weight}:{text}"

    async def slow(self, text: str) -> str:
        try:
            await asyncio.sleep(float(text))
        except asyncio.CancelledError:
            CANCELLED.append(text)
            raise
        return "slept"

    def block(self, text: str) -> str:
        time.sleep(float(text))
        return "blocked"

    def fail(self, text: str) -> str:
        match text:
            case "not found":
                raise NotFound("no such thing")
            case "number":
                raise NotFound(404)  # type: ignore[arg-type]
            case "internal":
                raise Internal("on purpose")
            case "wrong":
                return 5  # type: ignore[return-value]
        raise ValueError(f"secret {text}")

    async def seen(self, text: str) -> Seen:
        c = current_request()
        who = c.metadata.get(text, "")
        return Seen(c.graph, c.route, str(c.node), who, c.remaining() or 0.0, c.trace_id)


@deployment(timeout_s=0.2)
class Boss:
    def __init__(self, leaf: Handle[Leaf]) -> None:
        self.leaf = leaf

    async def ask(self, text: str) -> str:
        return f"boss of {await self.leaf.forward.remote(text)}"

    def ask_in_a_loop(self, text: str) -> str:
        async def ask() -> str:
            return str(await self.leaf.forward.remote(text))

        return asyncio.run(ask())

    def ask_sync(self, text: str) -> str:
        return f"boss of {self.leaf.forward.remote(text).result()}"

    async def wait(self, text: str) -> str:
        return str(await self.leaf.slow.remote(text))


@inline
def shout(text: str) -> str:
    if text == "fail":
        raise KeyError(text)
    return f"{text.upper()} {current_request().node}"


with InputNode(Request) as request:
    leaf = Leaf.options(name="leaf").bind(7)
    boss = Boss.options(name="boss").bind(leaf)
    methods = [
        leaf.forward,
        leaf.slow,
        leaf.block,
        leaf.fail,
        leaf.seen,
        boss.ask,
        boss.ask_sync,
        boss.wait,
        boss.ask_in_a_loop,
    ]
    names = ["forward", "slow", "block", "fail", "seen", "ask", "ask_sync", "wait", "ask_in_a_loop"]
    routes = {f"/{name}": method.bind(request.text) for name, method in zip(names, methods, strict=True)}
    app = DAGDriver.bind({**routes, "/shout": shout.bind(request.text)})
