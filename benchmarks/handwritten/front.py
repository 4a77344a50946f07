"""The service in front of the nodes: what a client calls, written by hand for each work."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import bench_pb2 as pb
import bench_pb2_grpc as rpc
import grpc
import uvloop

from benchmarks.handwritten.services import OPTIONS, serve
from benchmarks.nodes import MODELS, REPLICAS, STEPS
from benchmarks.works import LAYERS


class Front(rpc.FrontServicer):
    def __init__(self, addresses: dict[str, str]) -> None:
        """Args: host:port by node, with `/authority` behind it where a proxy routes by that."""
        channels = {node: _channel(address) for node, address in addresses.items()}
        self.steps = [rpc.StepStub(channels[f"step_{i + 1}"]) for i in range(STEPS)]
        self.models = [rpc.ModelStub(channels[f"model_{i + 1}"]) for i in range(MODELS)]
        self.total = rpc.TotalStub(channels["total"])
        self.parse = rpc.ParseStub(channels["parse"])
        self.normalise = rpc.NormaliseStub(channels["normalise"])
        self.vote = rpc.VoteStub(channels["vote"])

    async def Echo(self, request: Any, context: Any) -> Any:
        return pb.TextReply(result=request.text)

    async def Chain1(self, request: Any, context: Any) -> Any:
        return await self._chain(request, 1)

    async def Chain4(self, request: Any, context: Any) -> Any:
        return await self._chain(request, 4)

    async def Chain10(self, request: Any, context: Any) -> Any:
        return await self._chain(request, 10)

    async def Fan4(self, request: Any, context: Any) -> Any:
        return await self._fan(request, 4)

    async def Fan10(self, request: Any, context: Any) -> Any:
        return await self._fan(request, 10)

    async def Ensemble(self, request: Any, context: Any) -> Any:
        features = await self.normalise.Normalise(await self.parse.Parse(request))
        scores = await asyncio.gather(*(model.Score(features) for model in self.models))
        return await self.vote.Vote(pb.Scores(scores=scores))

    async def Diamond30(self, request: Any, context: Any) -> Any:
        one, two, *_ = self.steps
        left = right = request
        for _ in range(LAYERS):
            left, right = await asyncio.gather(
                one.Merge(pb.Pair(left=left.x, right=right.x)), two.Merge(pb.Pair(left=right.x, right=left.x))
            )
        return await self.total.Total(pb.Numbers(values=[left.x, right.x]))

    async def Tensor1(self, request: Any, context: Any) -> Any:
        return await self._relay(request, 1)

    async def Tensor4(self, request: Any, context: Any) -> Any:
        return await self._relay(request, 4)

    async def _chain(self, number: Any, length: int) -> Any:
        for i in range(length):
            number = await self.steps[i % STEPS].Advance(number)
        return pb.NumberReply(result=number.x)

    async def _fan(self, number: Any, width: int) -> Any:
        parts = await asyncio.gather(*(self.steps[i % STEPS].Advance(number) for i in range(width)))
        return await self.total.Total(pb.Numbers(values=[part.x for part in parts]))

    async def _relay(self, tensor: Any, length: int) -> Any:
        for step in self.steps[:length]:
            tensor = await step.Relay(tensor)
        return pb.TensorReply(result=tensor.tensor)


class Replicated(rpc.ReplicatedServicer):
    def __init__(self, addresses: dict[str, str]) -> None:
        self.devices = {n: rpc.DeviceStub(_channel(addresses[f"device_{n}"])) for n in REPLICAS}

    async def Replicas1(self, request: Any, context: Any) -> Any:
        return await self._use(request, 1)

    async def Replicas2(self, request: Any, context: Any) -> Any:
        return await self._use(request, 2)

    async def Replicas4(self, request: Any, context: Any) -> Any:
        return await self._use(request, 4)

    async def _use(self, number: Any, replicas: int) -> Any:
        return pb.NumberReply(result=(await self.devices[replicas].Use(number)).x)


def _channel(address: str) -> grpc.aio.Channel:
    target, _, authority = address.partition("/")
    options: list[Any] = [*OPTIONS, ("grpc.enable_http_proxy", 0)]
    if authority:
        options.append(("grpc.default_authority", authority))
    return grpc.aio.insecure_channel(target, options=options)


async def _main(service: str, addresses: str, port: str) -> None:
    servicer = globals()[service](json.loads(addresses))
    await serve(getattr(rpc, f"add_{service}Servicer_to_server"), servicer, int(port))


if __name__ == "__main__":
    uvloop.run(_main(*sys.argv[1:]))
