"""The nodes as grpc.aio services, one process each, without Ray and Envoy; on uvloop, which spares them some CPU."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import bench_pb2 as pb
import bench_pb2_grpc as rpc
import grpc
import uvloop

from benchmarks import nodes

OPTIONS = (("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0))


class Step(rpc.StepServicer):
    def __init__(self, step: int) -> None:
        self.step = step

    async def Advance(self, request: Any, context: Any) -> Any:
        return pb.Number(x=nodes.advance(self.step, request.x))

    async def Merge(self, request: Any, context: Any) -> Any:
        return pb.Number(x=nodes.merge(self.step, request.left, request.right))

    async def Relay(self, request: Any, context: Any) -> Any:
        return request


class Total(rpc.TotalServicer):
    async def Total(self, request: Any, context: Any) -> Any:
        return pb.NumberReply(result=nodes.total(request.values))


class Parse(rpc.ParseServicer):
    async def Parse(self, request: Any, context: Any) -> Any:
        return pb.Features(values=nodes.parse(request.text))


class Normalise(rpc.NormaliseServicer):
    async def Normalise(self, request: Any, context: Any) -> Any:
        return pb.Features(values=nodes.normalise(request.values))


class Model(rpc.ModelServicer):
    def __init__(self, model: int) -> None:
        self.model = model

    async def Score(self, request: Any, context: Any) -> Any:
        score = nodes.score(self.model, request.values)
        return pb.Score(label=score.label, score=score.score)


class Device(rpc.DeviceServicer):
    def __init__(self) -> None:
        self.free = asyncio.Lock()

    async def Use(self, request: Any, context: Any) -> Any:
        async with self.free:
            await asyncio.sleep(nodes.BUSY_S)
        return pb.Number(x=nodes.advance(1, request.x))


class Vote(rpc.VoteServicer):
    async def Vote(self, request: Any, context: Any) -> Any:
        verdict = nodes.vote(request.scores)
        return pb.Verdict(label=verdict.label, mean=verdict.mean, scores=verdict.scores)


async def serve(add: Any, servicer: Any, port: int) -> None:
    server = grpc.aio.server(options=OPTIONS)
    add(servicer, server)
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


def main(kind: str, argument: str, port: str) -> None:
    servicer = globals()[kind](*([int(argument)] if argument else []))
    uvloop.run(serve(getattr(rpc, f"add_{kind}Servicer_to_server"), servicer, int(port)))


if __name__ == "__main__":
    main(*sys.argv[1:])
