"""The works as a mesh has them: cheap nodes are async, so that none of them costs a thread."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks import nodes
from benchmarks.graphs.shapes import routes
from benchmarks.nodes import Score, Verdict
from meshgen import DAGDriver, deployment, inline


@inline
async def echo(text: str) -> str:
    return text


@deployment(max_ongoing_requests=100)
class Step:
    def __init__(self, step: int) -> None:
        self.step = step

    async def advance(self, x: int) -> int:
        return nodes.advance(self.step, x)

    async def merge(self, left: int, right: int) -> int:
        return nodes.merge(self.step, left, right)

    async def relay(self, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        return tensor


@deployment(max_ongoing_requests=100)
async def total(values: list[int]) -> int:
    return nodes.total(values)


@deployment(max_ongoing_requests=100)
async def parse(text: str) -> list[float]:
    return nodes.parse(text)


@deployment(max_ongoing_requests=100)
async def normalise(features: list[float]) -> list[float]:
    return nodes.normalise(features)


@deployment(max_ongoing_requests=100)
class Model:
    def __init__(self, model: int) -> None:
        self.model = model

    async def score(self, features: list[float]) -> Score:
        return nodes.score(self.model, features)


@deployment(max_ongoing_requests=100)
async def vote(scores: list[Score]) -> Verdict:
    return nodes.vote(scores)


outputs = routes(Step, Model, echo, total, parse, normalise, vote)
app = DAGDriver.options(max_ongoing_requests=100).bind(outputs)
