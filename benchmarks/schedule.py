"""What is run, in which order, and how long that will take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.callers import Load
from benchmarks.contestants.base import Contestant
from benchmarks.extras import COMMAND
from benchmarks.works import GraphName, Work

OPEN_SHARE = 0.5
"""Rate of the open loop, as a share of what the same contestant has just done in the closed one."""
_GRAPHS: tuple[GraphName, ...] = ("works", "content")
# Channels connect, caches fill, and Serve's routers learn of their replicas.
_WARM_S = 0.5
_BESIDES_S = 0.4
"""Asking each case once, finding the processes, slow last answers."""
_COMMANDS_S = 2.0
_CONTENT_START_S = 25.0
"""Torch and five models."""


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
                    if self.of(graph) or (graph == "works" and self.extras):
                        yield repetition, contestant, graph

    def of(self, graph: GraphName) -> tuple[Work, ...]:
        """The works of a graph."""
        return tuple(w for w in self.works if w.graph == graph)

    @property
    def graphs(self) -> tuple[GraphName, ...]:
        """Those that any contestant runs."""
        return tuple(g for g in _GRAPHS if any(session[2] == g for session in self.sessions()))

    def estimate_s(self) -> float:
        """About how long it will take."""
        return sum(self._session_s(contestant, graph) for _, contestant, graph in self.sessions())

    def _session_s(self, contestant: Contestant, graph: GraphName) -> float:
        start = contestant.start_s + (_CONTENT_START_S if graph == "content" else 0.0)
        command = _COMMANDS_S if COMMAND in self.extras and contestant.in_process and graph == "works" else 0.0
        return (
            start
            + command
            + sum(
                _BESIDES_S + sum(load.seconds for load in loads(contestant, work, self.seconds))
                for work in self.of(graph)
            )
        )

    def missing(self) -> Sequence[str]:
        """Which combinations are left out, for people."""
        away = [c.name for c in self.contestants if "content" not in c.graphs]
        return [f"content: not with {', '.join(away)}"] if away and self.of("content") else []


def loads(contestant: Contestant, work: Work, seconds: float) -> tuple[Load, ...]:
    """The points of a work, the warm-up first. Calls in process come one after the other, whatever is asked."""
    seconds *= work.share
    if contestant.in_process:
        return (Load(name="warm", seconds=_WARM_S / 5), Load(name="one", seconds=seconds / 2))
    fixed = (
        Load(name="warm", seconds=_WARM_S, in_flight=work.in_flight),
        Load(name="one", seconds=seconds),
        Load(name="many", seconds=seconds, in_flight=work.in_flight),
    )
    return (*fixed, Load(name="open", seconds=seconds)) if work.open_loop else fixed


def described(plan: Plan) -> str:
    """The plan in a line or two."""
    names = [*(w.name for w in plan.works), *sorted(plan.extras)]
    minutes = plan.estimate_s() / 60
    lines = [
        f"repetitions: {plan.repetitions}, of {', '.join(c.name for c in plan.contestants)}",
        f"works: {', '.join(names)}",
        *plan.missing(),
        f"{plan.seconds:g} s per point; about {minutes:.0f} min",
    ]
    return "\n".join(lines)
