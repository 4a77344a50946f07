"""The ratios that the hot path is built for, and whether a run shows them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from benchmarks.extras import COMMAND, MEMORY_DRIVER, MEMORY_NODE
from benchmarks.rows import Results, Spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """`above` ÷ `below` in a metric of a work."""

    work: str
    metric: Literal["rps", "p50_ms"]
    above: str
    below: str
    wanted: float
    at_most: bool = False

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
            Target(work=work, metric="rps", above="mesh", below="serve", wanted=6),
            Target(work=work, metric="rps", above="mesh", below="serve-throughput", wanted=2),
            Target(work=work, metric="p50_ms", above="mesh", below="serve", wanted=0.5, at_most=True),
            Target(work=work, metric="rps", above="mesh", below="grpc-envoy", wanted=0.8),
        )
    ),
    Target(work="tensor4_16MB", metric="rps", above="mesh", below="serve", wanted=5),
    Target(work="tensor4_16MB", metric="rps", above="mesh", below="grpc", wanted=0.5),
    Target(work=COMMAND, metric="p50_ms", above="local", below="plain", wanted=5, at_most=True),
)
MEMORY_MB = 25.0
"""What meshgen may add to the memory of a Serve replica."""
LOCAL_US_PER_CALL = 2.0
"""What the executor may add to a call of a sync node, in µs, with tracing off."""
LOCAL_WORKS = {"chain1": 1, "chain4": 4, "chain10": 10, "fan4": 5, "fan10": 11, "ensemble": 10, "diamond30": 61}


def judged(results: Results) -> Iterator[tuple[Target, Spread, bool]]:
    """Each target that the run has numbers for."""
    for target in TARGETS:
        ratio = results.ratio(target.work, target.metric, target.above, target.below)
        if ratio is not None:
            yield target, ratio, target.reached(ratio.median)


def local_overhead(results: Results) -> Iterator[tuple[str, float, bool]]:
    """What `meshgen local` adds per node call over the same calls by hand, in µs, from the medians of the p50s."""
    for work, calls in LOCAL_WORKS.items():
        ours, plain = (results.spread(work, name, "p50_ms") for name in ("local", "plain"))
        if ours is not None and plain is not None:
            added = (ours.median - plain.median) * 1e3 / calls
            yield work, added, added <= LOCAL_US_PER_CALL


def memory_overhead(results: Results) -> Iterator[tuple[str, float, bool]]:
    """What a replica of the mesh weighs above one of Ray Serve with the same flags, in MB, from the medians."""
    for work in (MEMORY_DRIVER, MEMORY_NODE):
        ours, bare = (results.spread(work, name, "peak_rss_mb") for name in ("mesh", "serve-throughput"))
        if ours is not None and bare is not None:
            added = ours.median - bare.median
            yield work, added, added <= MEMORY_MB
