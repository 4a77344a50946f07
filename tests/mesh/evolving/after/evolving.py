"""The graph of `before`, edited in every way that old clients survive; its rename they survive by gRPC alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated

from meshgen import DAGDriver, InputNode, RenamedFrom, deployment, wire_name


class Color(Enum):
    BLUE = 3  # new, and in front of the others
    GREEN = 2
    RED = 1


@dataclass
class Triangle:
    base: float


@wire_name("Circle")  # the class is called otherwise, the message is not
@dataclass
class Disc:
    radius: float


@dataclass
class Square:
    side: float


@dataclass
class Job:
    """Reordered; `comment` is gone, `name` has another name, `note` is new."""

    shape: Triangle | Square | Disc
    color: Color
    samples: list[float]
    job_name: Annotated[str, RenamedFrom("name")]
    note: str | None = None


@dataclass
class Report:
    details: list[str]
    shape: Triangle | Square | Disc
    total: float
    title: str
    color: Color
    note: str | None = field(default=None)


@deployment
def measure(samples: list[float], shape: Triangle | Square | Disc, scale: float = 1.0) -> float:
    match shape:
        case Disc():
            size = shape.radius
        case Square():
            size = shape.side
        case Triangle():
            size = shape.base / 2
    return scale * size * sum(samples)


@deployment
def report(name: str, total: float, color: Color, shape: Triangle | Square | Disc, note: str | None) -> Report:
    return Report(["measured"], shape, total, name.title(), color, note)


with InputNode(Job) as job:
    total = measure.bind(job.samples, job.shape)
    app = DAGDriver.bind(report.bind(job.job_name, total, job.color, job.shape, job.note))
