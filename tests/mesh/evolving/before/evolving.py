"""A graph as it was when its first clients were made; `after` is what it became."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from meshgen import DAGDriver, InputNode, deployment


class Color(Enum):
    RED = 1
    GREEN = 2


@dataclass
class Circle:
    radius: float


@dataclass
class Square:
    side: float


@dataclass
class Job:
    name: str
    samples: list[float]
    shape: Circle | Square
    color: Color
    comment: str | None = None


@dataclass
class Report:
    title: str
    color: Color
    total: float
    shape: Circle | Square


@deployment
def measure(shape: Circle | Square, samples: list[float]) -> float:
    size = shape.radius if isinstance(shape, Circle) else shape.side
    return size * sum(samples)


@deployment
def report(name: str, total: float, color: Color, shape: Circle | Square) -> Report:
    return Report(title=name.title(), color=color, total=total, shape=shape)


with InputNode(Job) as job:
    app = DAGDriver.bind(report.bind(job.name, measure.bind(job.shape, job.samples), job.color, job.shape))
