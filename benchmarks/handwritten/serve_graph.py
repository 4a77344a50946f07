"""The works as a Ray Serve application: deployments composed by handles, gRPC in front."""

from __future__ import annotations

import asyncio
from typing import Any

import bench_pb2 as pb
import numpy as np
from ray import serve
from ray.serve.handle import DeploymentHandle

from benchmarks import nodes
from benchmarks.nodes import MODELS, STEPS, Score, Verdict
from benchmarks.works import LAYERS


@serve.deployment(max_ongoing_requests=100)
class Step:
    def __init__(self, step: int) -> None:
        self.step = step

    async def advance(self, x: int) -> int:
        return nodes.advance(self.step, x)

    async def merge(self, left: int, right: int) -> int:
        return nodes.merge(self.step, left, right)

    async def relay(self, tensor: Any) -> Any:
        return tensor


@serve.deployment(max_ongoing_requests=100)
class Total:
    async def __call__(self, *values: int) -> int:
        return nodes.total(list(values))


@serve.deployment(max_ongoing_requests=100)
class Parse:
    async def __call__(self, text: str) -> list[float]:
        return nodes.parse(text)


@serve.deployment(max_ongoing_requests=100)
class Normalise:
    async def __call__(self, features: list[float]) -> list[float]:
        return nodes.normalise(features)


@serve.deployment(max_ongoing_requests=100)
class Model:
    def __init__(self, model: int) -> None:
        self.model = model

    async def score(self, features: list[float]) -> Score:
        return nodes.score(self.model, features)


@serve.deployment(max_ongoing_requests=100)
class Vote:
    async def __call__(self, *scores: Score) -> Verdict:
        return nodes.vote(list(scores))


@serve.deployment(max_ongoing_requests=100)
class Front:
    def __init__(
        self,
        steps: list[DeploymentHandle[Any]],
        models: list[DeploymentHandle[Any]],
        total: DeploymentHandle[Any],
        parse: DeploymentHandle[Any],
        normalise: DeploymentHandle[Any],
        vote: DeploymentHandle[Any],
    ) -> None:
        self.steps, self.models, self.total = steps, models, total
        self.parse, self.normalise, self.vote = parse, normalise, vote

    async def Echo(self, request: Any) -> Any:
        return pb.TextReply(result=request.text)

    async def Chain1(self, request: Any) -> Any:
        return await self._chain(request.x, 1)

    async def Chain4(self, request: Any) -> Any:
        return await self._chain(request.x, 4)

    async def Chain10(self, request: Any) -> Any:
        return await self._chain(request.x, 10)

    async def Fan4(self, request: Any) -> Any:
        return await self._fan(request.x, 4)

    async def Fan10(self, request: Any) -> Any:
        return await self._fan(request.x, 10)

    async def Ensemble(self, request: Any) -> Any:
        features = await self.normalise.remote(await self.parse.remote(request.text))
        scores = await asyncio.gather(*(model.score.remote(features) for model in self.models))
        verdict = await self.vote.remote(*scores)
        found = [pb.Score(label=s.label, score=s.score) for s in verdict.scores]
        return pb.Verdict(label=verdict.label, mean=verdict.mean, scores=found)

    async def Diamond30(self, request: Any) -> Any:
        one, two, *_ = self.steps
        left = right = request.x
        for _ in range(LAYERS):
            left, right = await asyncio.gather(one.merge.remote(left, right), two.merge.remote(right, left))
        return pb.NumberReply(result=await self.total.remote(left, right))

    async def Tensor1(self, request: Any) -> Any:
        return await self._relay(request.tensor, 1)

    async def Tensor4(self, request: Any) -> Any:
        return await self._relay(request.tensor, 4)

    async def _chain(self, x: Any, length: int) -> Any:
        for i in range(length):
            x = await self.steps[i % STEPS].advance.remote(x)
        return pb.NumberReply(result=x)

    async def _fan(self, x: int, width: int) -> Any:
        parts = await asyncio.gather(*(self.steps[i % STEPS].advance.remote(x) for i in range(width)))
        return pb.NumberReply(result=await self.total.remote(*parts))

    async def _relay(self, data: bytes, length: int) -> Any:
        tensor: Any = np.frombuffer(data, dtype=np.float32)
        for step in self.steps[:length]:
            # Handed on as a response that is yet to come, a big value does not pass through here.
            tensor = step.relay.remote(tensor)
        return pb.TensorReply(result=(await tensor).tobytes())


def application() -> Any:
    steps = [Step.options(name=f"step_{i + 1}").bind(i + 1) for i in range(STEPS)]
    models = [Model.options(name=f"model_{i + 1}").bind(i + 1) for i in range(MODELS)]
    return Front.bind(steps, models, Total.bind(), Parse.bind(), Normalise.bind(), Vote.bind())
