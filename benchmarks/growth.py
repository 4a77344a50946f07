"""How cost grows with nodes, branches, payload, requests in flight, replicas: whether worse than linear."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from typing import Any, Literal, TypeAlias

from benchmarks.compile_growth import COMMANDS, Cost
from benchmarks.rows import Results, Spread
from benchmarks.works import BY_NAME, CONCURRENCY, FIRST, SIZES

Metric: TypeAlias = Literal["rps", "p50_ms"]

SHOWN = ("mesh", "mesh-fused", "serve", "grpc-envoy")
"""Contestants whose growth is looked at."""
TOLERANCE = 0.1
"""An exponent of 1 plus this still counts as linear: it is what repetitions differ by."""
_FROM_NODES = 100
"""Smaller graphs cost a command little besides its start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """Something that grows."""

    name: str
    label: str
    """Of the x axis."""
    works: Mapping[str, float]
    """Where each work stands on it; empty for what is read from single loads."""
    names: Mapping[float, str] = field(default_factory=dict)
    """What places on it are called, if not by their number."""
    spreads_load: bool = False
    """More of it means more to work with, so that no request may cost more."""

    def called(self, place: float) -> str:
        return self.names.get(place, f"{place:g}")


NODES = Axis(name="nodes", label="nodes in a chain", works={f"chain{n}": n for n in (1, 4, 10)})
FAN_OUT = Axis(name="fan-out", label="branches that are joined", works={f"fan{n}": n for n in (4, 10)})
PAYLOAD = Axis(
    name="payload",
    label="tensor through 4 nodes",
    works={f"tensor4_{name}": size for name, size in SIZES.items()},
    names={size: f"{name[:-2]} {name[-2:]}" for name, size in SIZES.items()},
)
CONCURRENT = Axis(name="concurrency", label=f"requests in flight, {BY_NAME[FIRST].title}", works={})
REPLICATED = Axis(
    name="replicas",
    label="replicas of a node that is busy for 5 ms",
    works={f"replicas{n}": n for n in (1, 2, 4)},
    spreads_load=True,
)
AXES = (NODES, FAN_OUT, PAYLOAD, CONCURRENT, REPLICATED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One contestant along one axis in one metric."""

    contestant: str
    values: Mapping[float, Spread]
    """By place on the axis, ascending."""

    @property
    def medians(self) -> Mapping[float, float]:
        return {x: spread.median for x, spread in self.values.items()}


def lines(axis: Axis, metric: Metric, results: Results, points: Sequence[Mapping[str, Any]]) -> tuple[Line, ...]:
    """What there is of an axis; contestants without two places on it are left out."""
    found = []
    for contestant in SHOWN:
        if axis is CONCURRENT:
            values = _by_flight(points, contestant, metric)
        else:
            spreads = {x: results.spread(work, contestant, metric) for work, x in axis.works.items()}
            values = {x: spread for x, spread in spreads.items() if spread is not None}
        if len(values) > 1:
            found.append(Line(contestant=contestant, values=values))
    return tuple(found)


def _by_flight(points: Sequence[Mapping[str, Any]], contestant: str, metric: Metric) -> dict[float, Spread]:
    """Loads with a fixed number in flight; those that only one work has are what makes this an axis."""
    found: dict[float, list[float]] = {}
    for point in points:
        if (point["work"], point["contestant"]) == (FIRST, contestant) and point["load"] not in ("open", "warm"):
            found.setdefault(float(point["in_flight"]), []).append(float(point[metric]))
    if not found.keys() & set(map(float, CONCURRENCY[FIRST])):
        return {}
    return {x: Spread(median(found[x]), min(found[x]), max(found[x])) for x in sorted(found)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """How steep a cost grows where it is steepest: as the power of what grows."""

    exponent: float
    begin: float
    end: float

    @property
    def worse_than_linear(self) -> bool:
        return self.exponent > 1 + TOLERANCE


def steepest(costs: Mapping[float, float]) -> Growth | None:
    """Between neighbours; None when there are no two of them with a cost above zero.

    A cost of a + b·n has exponents below 1 everywhere, and one of n·log n or n² has some above 1.
    """
    usable = [(x, cost) for x, cost in costs.items() if x > 0 and cost > 0]
    found = [
        Growth(exponent=math.log(after / before) / math.log(right / left), begin=left, end=right)
        for (left, before), (right, after) in pairwise(usable)
    ]
    return max(found, key=lambda growth: growth.exponent, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is said about one contestant along one axis."""

    axis: Axis
    contestant: str
    p50_ms: Line
    rps: Line
    latency: Growth
    work: Growth
    """Of the time per request with many in flight: 1 ÷ rps."""

    @property
    def problems(self) -> tuple[str, ...]:
        """What is worse than linear, in words."""
        found = []
        if self.latency.worse_than_linear:
            found.append(f"p50 {self._between(self.latency)}")
        if self.work.exponent > self._allowed:
            found.append(f"time per request {self._between(self.work)}")
        return tuple(found)

    def _between(self, growth: Growth) -> str:
        return f"from {self.axis.called(growth.begin)} to {self.axis.called(growth.end)}"

    @property
    def _allowed(self) -> float:
        return TOLERANCE if self.axis.spreads_load or self.axis is CONCURRENT else 1 + TOLERANCE


def verdicts(results: Results, points: Sequence[Mapping[str, Any]]) -> Iterator[Verdict]:
    """One for each contestant along each axis that there are numbers for."""
    for axis in AXES:
        latencies = lines(axis, "p50_ms", results, points)
        rates = {line.contestant: line for line in lines(axis, "rps", results, points)}
        for p50 in latencies:
            rps = rates[p50.contestant]
            latency = steepest(p50.medians)
            work = steepest({x: 1 / rate for x, rate in rps.medians.items() if rate})
            if latency is not None and work is not None:
                yield Verdict(axis=axis, contestant=p50.contestant, p50_ms=p50, rps=rps, latency=latency, work=work)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompileVerdict:
    """What is said about one command as graphs grow."""

    command: str
    costs: Sequence[Cost]
    time: Growth | None
    memory: Growth | None

    @property
    def problems(self) -> tuple[str, ...]:
        found = [
            f"{name} from {growth.begin:g} to {growth.end:g} nodes"
            for name, growth in (("time", self.time), ("memory", self.memory))
            if growth is not None and growth.worse_than_linear
        ]
        late = [f"not ready with {c.nodes} nodes" for c in self.costs if not c.ended]
        return (*found, *late)


def compile_verdicts(costs: Sequence[Cost]) -> Iterator[CompileVerdict]:
    """One for each command; what it takes for the smallest graph, its start, is subtracted."""
    for command in COMMANDS:
        own = sorted((c for c in costs if c.command == command), key=lambda c: c.nodes)
        if own:
            # From end to end: between neighbours, a machine that slows down for a moment says more than the command.
            least, large = own[0], [c for c in own if c.nodes >= _FROM_NODES]
            grown = [large[0], large[-1]] if large else []
            yield CompileVerdict(
                command=command,
                costs=own,
                time=steepest({c.nodes: c.cpu_seconds - least.cpu_seconds for c in grown}),
                memory=steepest({c.nodes: c.peak_mb - least.peak_mb for c in grown}),
            )
