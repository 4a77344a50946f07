"""A node that is busy for some milliseconds and then takes the next request, with 1, 2 and 4 replicas."""

from __future__ import annotations

import asyncio

from benchmarks import nodes
from benchmarks.nodes import BUSY_S, REPLICAS
from meshgen import DAGDriver, InputNode, deployment


@deployment(max_ongoing_requests=100)
class Device:
    def __init__(self) -> None:
        self.free = asyncio.Lock()

    async def use(self, x: int) -> int:
        async with self.free:
            await asyncio.sleep(BUSY_S)
        return nodes.advance(1, x)


with InputNode(x=int) as request:
    devices = {n: Device.options(name=f"device_{n}", num_replicas=n).bind() for n in REPLICAS}
    outputs = {f"/replicas{n}": device.use.bind(request.x) for n, device in devices.items()}
    app = DAGDriver.options(max_ongoing_requests=100).bind(outputs)
