"""The ratios that the hot path is built for, and whether a run shows them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from benchmarks.extras import COMMAND, MEMORY_DRIVER, MEMORY_NODE
from benchmarks.rows import Results, Spread
from benchmarks.works import BESIDE

BIG = "tensor4_16MB"
_BIG_ONE = "tensor1_16MB"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """`above` ÷ `below` in a metric of a work; of the same contestant, the work ÷ another one."""

    work: str
    metric: Literal["rps", "p50_ms"]
    above: str
    below: str
    wanted: float
    at_most: bool = False
    against: str = ""
    """The work of `below`, where it is another one."""

    @property
    def words(self) -> str:
        """What is divided by what."""
        below = f"{self.below} of {self.against}" if self.against else self.below
        return f"{self.metric.removesuffix('_ms')}: {self.above} ÷ {below}"

    def reached(self, ratio: float) -> bool:
        return ratio <= self.wanted if self.at_most else ratio >= self.wanted

    @property
    def sign(self) -> str:
        return "≤" if self.at_most else "≥"


TARGETS: tuple[Target, ...] = (
    *(
        target
        for work in ("chain4", "fan4")
        for target in (
            Target(work=work, metric="rps", above="mesh", below="serve", wanted=14),
            Target(work=work, metric="rps", above="mesh", below="serve-throughput", wanted=4.5),
            Target(work=work, metric="p50_ms", above="mesh", below="serve", wanted=0.5, at_most=True),
            Target(work=work, metric="rps", above="mesh", below="grpc-envoy", wanted=1.4),
            Target(work=work, metric="rps", above="mesh-fused", below="grpc", wanted=2.5),
        )
    ),
    Target(work="echo", metric="rps", above="mesh", below="grpc-envoy", wanted=0.8),
    Target(work="chain1", metric="rps", above="mesh", below="grpc-envoy", wanted=1.1),
    Target(work=BIG, metric="rps", above="mesh", below="serve", wanted=1.8),
    Target(work=BIG, metric="rps", above="mesh", below="grpc", wanted=2.5),
    Target(work=BESIDE, metric="p50_ms", above="mesh", below="mesh", against="chain1", wanted=2, at_most=True),
    Target(work=COMMAND, metric="p50_ms", above="local", below="plain", wanted=5, at_most=True),
)
BIG_MS = 15.0
"""What three more nodes may add to the p50 of 16 MB, in ms."""
MEMORY_MB = 25.0
"""What meshgen may add to the memory of a Serve replica."""
LOCAL_US_PER_CALL = 2.0
"""What the executor may add to a call of a sync node, in µs, with tracing off."""
LOCAL_WORKS = {"chain1": 1, "chain4": 4, "chain10": 10, "fan4": 5, "fan10": 11, "ensemble": 10, "diamond30": 61}


def judged(results: Results) -> Iterator[tuple[Target, Spread, bool]]:
    """Each target that the run has numbers for."""
    for target in TARGETS:
        ratio = results.ratio(target.work, target.metric, target.above, target.below, target.against)
        if ratio is not None:
            yield target, ratio, target.reached(ratio.median)


def big_added(results: Results) -> tuple[Spread, bool] | None:
    """What three more nodes add to the p50 of 16 MB, in ms; None without the two works."""
    added = Spread.of(list(results.added(BIG, "p50_ms", "mesh", "mesh", _BIG_ONE).values()))
    return None if added is None else (added, added.median <= BIG_MS)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalCost:
    """What `meshgen local` adds to the same calls by hand, in µs."""

    per_call: Spread
    """The slope from a chain of 1 to one of 10."""
    per_request: Spread
    """What a request costs however many calls it has."""

    @property
    def reached(self) -> bool:
        return self.per_call.median <= LOCAL_US_PER_CALL


def local_cost(results: Results) -> LocalCost | None:
    """Both from the p50s of the same repetition; None without the two chains."""
    short, long = (results.added(work, "p50_ms", "local", "plain") for work in ("chain1", "chain10"))
    slopes = {i: 1e3 * (long[i] - short[i]) / (LOCAL_WORKS["chain10"] - 1) for i in short.keys() & long.keys()}
    per_call = Spread.of(list(slopes.values()))
    per_request = Spread.of([1e3 * short[i] - slope for i, slope in slopes.items()])
    if per_call is None or per_request is None:
        return None
    return LocalCost(per_call=per_call, per_request=per_request)


def local_overhead(results: Results) -> Iterator[tuple[str, Spread]]:
    """What `meshgen local` adds over the same calls by hand, in µs per node call, the request's own share included."""
    for work, calls in LOCAL_WORKS.items():
        added = results.added(work, "p50_ms", "local", "plain")
        if (spread := Spread.of([1e3 * value / calls for value in added.values()])) is not None:
            yield work, spread


def memory_overhead(results: Results) -> Iterator[tuple[str, float, bool]]:
    """What a replica of the mesh weighs above one of Ray Serve with the same flags, in MB, from the medians."""
    for work in (MEMORY_DRIVER, MEMORY_NODE):
        ours, bare = (results.spread(work, name, "peak_rss_mb") for name in ("mesh", "serve-throughput"))
        if ours is not None and bare is not None:
            added = ours.median - bare.median
            yield work, added, added <= MEMORY_MB
