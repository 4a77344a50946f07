"""What is run, in which order, and how long that will take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.callers import Load
from benchmarks.contestants.base import Contestant
from benchmarks.extras import COMMAND
from benchmarks.works import CONCURRENCY, OPEN, GraphName, Work

SECONDS = 0.5
"""Of a point, when nobody says otherwise: five repetitions of all of it, and what comes besides, in 40 minutes."""
OPEN_SHARE = 0.5
"""Rate of the open loop, as a share of what the same contestant has just done in the closed one."""
_GRAPHS: tuple[GraphName, ...] = ("works", "content", "replicas")
_MOST: Mapping[GraphName, int] = {"replicas": 3}
"""Repetitions of a graph that is only there to see how something grows."""
# Channels connect, caches fill, and Serve's routers learn of their replicas.
_WARM_S = 0.3
_BESIDES_S = 0.6
"""Asking each case once, finding the processes, slow last answers."""
_COMMANDS_S = 2.0
_AROUND_S = 20.0
"""Building the graphs beforehand, drawing and writing afterwards."""
_GROWS = ("mesh", "mesh-fused", "grpc-envoy")
"""Who is asked with more and more requests in flight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A run."""

    works: tuple[Work, ...]
    contestants: tuple[Contestant, ...]
    repetitions: int
    seconds: float
    """Of a point."""
    extras: frozenset[str]
    """What is measured without load."""

    def sessions(self) -> Iterator[tuple[int, Contestant, GraphName]]:
        """Every start of a contestant. Each repetition begins with another one, so that none is always the first."""
        for repetition in range(1, self.repetitions + 1):
            first = (repetition - 1) % len(self.contestants)
            for contestant in (*self.contestants[first:], *self.contestants[:first]):
                for graph in contestant.graphs:
                    if repetition > _MOST.get(graph, repetition):
                        continue
                    if self.of(contestant, graph) or (graph == "works" and self.extras):
                        yield repetition, contestant, graph

    def of(self, contestant: Contestant, graph: GraphName) -> tuple[Work, ...]:
        """What a contestant is asked in one start."""
        asked = contestant.works
        found = tuple(w for w in self.works if w.graph == graph and (asked is None or w.name in asked))
        return tuple(w for w in found if w.beside is None or not contestant.in_process)

    @property
    def graphs(self) -> tuple[GraphName, ...]:
        """Those that any contestant runs."""
        return tuple(g for g in _GRAPHS if any(session[2] == g for session in self.sessions()))

    @property
    def files(self) -> tuple[str, ...]:
        """The graphs to build, in meshgen's language."""
        found = (contestant.files.get(graph) for _, contestant, graph in self.sessions())
        return tuple(dict.fromkeys(file for file in found if file is not None))

    def estimate_s(self) -> float:
        """About how long it will take."""
        return _AROUND_S + sum(self._session_s(contestant, graph) for _, contestant, graph in self.sessions())

    def _session_s(self, contestant: Contestant, graph: GraphName) -> float:
        command = _COMMANDS_S if COMMAND in self.extras and contestant.in_process and graph == "works" else 0.0
        points = (
            _BESIDES_S + sum(load.seconds for load in loads(contestant, work, self.seconds))
            for work in self.of(contestant, graph)
        )
        return contestant.start_s[graph] + command + sum(points)

    def missing(self) -> Sequence[str]:
        """Which combinations are left out, for people."""
        away = [c.name for c in self.contestants if "content" not in c.graphs]
        asked = any(w.graph == "content" for w in self.works)
        return [f"content: not with {', '.join(away)}"] if away and asked else []


def loads(contestant: Contestant, work: Work, seconds: float) -> tuple[Load, ...]:
    """The points of a work, the warm-up first. Calls in process come one after the other, whatever is asked."""
    seconds *= work.share
    if contestant.in_process:
        return (Load(name="warm", seconds=_WARM_S / 4), Load(name="one", seconds=seconds / 2))
    fixed = (
        Load(name="warm", seconds=_WARM_S, in_flight=work.in_flight),
        Load(name="one", seconds=seconds),
        Load(name="many", seconds=seconds, in_flight=work.in_flight),
    )
    opened = (Load(name="open", seconds=seconds),) if work.name in OPEN else ()
    grown = CONCURRENCY.get(work.name, ()) if contestant.name in _GROWS else ()
    return (*fixed, *opened, *(Load(name=f"at{n}", seconds=seconds, in_flight=n) for n in grown))


def described(plan: Plan, besides_s: float = 0.0) -> str:
    """The plan in a line or two; it takes so many seconds more for what is measured besides."""
    names = [*(w.name for w in plan.works), *sorted(plan.extras)]
    minutes = (plan.estimate_s() + besides_s) / 60
    lines = [
        f"repetitions: {plan.repetitions}, of {', '.join(c.name for c in plan.contestants)}",
        f"works: {', '.join(names)}",
        *plan.missing(),
        f"{plan.seconds:g} s per point; about {minutes:.0f} min",
    ]
    return "\n".join(lines)
