"""The works: what is asked of every contestant, and the answers that count as right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, is_dataclass
from functools import cache, partial
from typing import Any, Literal, TypeAlias

from benchmarks.extras import TITLES as EXTRAS
from benchmarks.nodes import FEATURES, MODELS, REPLICAS, STEPS, Score, Verdict

GraphName: TypeAlias = Literal["works", "content", "replicas"]
FIRST = "chain4"
"""What is asked to see that a contestant is up."""
FUSED = frozenset({"chain1", "chain4", "chain10", "fan4", "fan10", "ensemble", "diamond30"})
"""Those whose nodes are cheap enough to be placed in the driver."""
OPEN = frozenset({"echo", "chain4", "fan4"})
"""Those with an open loop."""
CONCURRENCY: Mapping[str, tuple[int, ...]] = {FIRST: (4, 16, 64, 256)}
"""More numbers of requests in flight, besides one and `Work.in_flight`."""
BESIDE = "chain1_beside"
"""A small call while a big one is under way; the chain of 1 is the same call alone."""
LAYERS = 30
KILOBYTE = 1024
SIZES: Mapping[str, int] = {
    "1KB": KILOBYTE,
    "100KB": 100 * KILOBYTE,
    "1MB": KILOBYTE**2,
    "16MB": 16 * KILOBYTE**2,
}


@dataclass(frozen=True, slots=True)
class Case:
    """A request, by parameter, and its answer as a Python function would give it."""

    request: Mapping[str, Any]
    answer: Any

    @property
    def fields(self) -> Mapping[str, Any]:
        """The answer as the fields of a message: a record's own, else `result`."""
        return asdict(self.answer) if is_dataclass(self.answer) else {"result": self.answer}  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One thing to ask, and how hard."""

    name: str
    title: str
    route: str
    calls: int
    """Node calls of one request."""
    cases: Callable[[], tuple[Case, ...]]
    """Several, so that an answer that belongs to another request is found out."""
    in_flight: int = 32
    graph: GraphName = "works"
    share: float = 1.0
    """Of the seconds per point."""
    beside: str | None = None
    """The work of which one request after the other runs at the same time."""

    @property
    def rpc(self) -> str:
        return "Predict" if self.graph == "content" else self.route.strip("/").capitalize()


def chain(x: int, length: int) -> int:
    return x + sum(1 + i % STEPS for i in range(length))


def fan(x: int, width: int) -> int:
    return width * x + sum(1 + i % STEPS for i in range(width))


def diamond(x: int) -> int:
    # Each layer is (l + 2r + 1, r + 2l + 2): the sum s becomes 3s + 3.
    power: int = 3**LAYERS
    return (power * (4 * x + 3) - 3) // 2


def ensemble(values: list[int]) -> Verdict:
    centred = [v - sum(values) / len(values) for v in values]
    scores = [Score(f"model {k}", sum(v * (i * k % 5) for i, v in enumerate(centred))) for k in range(1, MODELS + 1)]
    points = [s.score for s in scores]
    return Verdict(scores[points.index(max(points))].label, sum(points) / MODELS, scores)


def _numbers(answer: Callable[[int], int]) -> tuple[Case, ...]:
    return tuple(Case({"x": x}, answer(x)) for x in (0, 7, 1234, 9_999))


def _texts() -> tuple[Case, ...]:
    return tuple(Case({"text": t}, t) for t in ("hello", "a" * 32, "Grüße"))


def _features() -> tuple[Case, ...]:
    sets = [[(i * k) % 17 for i in range(FEATURES)] for k in (3, 5, 7)]
    return tuple(Case({"text": " ".join(map(str, values))}, ensemble(values)) for values in sets)


@cache
def _tensors(size: int) -> tuple[Case, ...]:
    import numpy as np

    arrays = [np.arange(size // 4, dtype=np.float32) + k for k in range(2)]
    return tuple(Case({"tensor": array}, array) for array in arrays)


def _pictures() -> tuple[Case, ...]:
    raise AssertionError("the harness makes these, beside its web server")


def _shape(name: str, title: str, calls: int, cases: Callable[[], tuple[Case, ...]], in_flight: int = 32) -> Work:
    return Work(name=name, title=title, route=f"/{name}", calls=calls, cases=cases, in_flight=in_flight)


def _tensor(size: str, nodes: int) -> Work:
    in_flight = {"1MB": 8, "16MB": 4}.get(size, 32)
    return Work(
        name=f"tensor{nodes}_{size}",
        title=f"tensor of {size[:-2]} {size[-2:]} through {nodes} node{'s' * (nodes > 1)}",
        route=f"/tensor{nodes}",
        calls=nodes,
        cases=partial(_tensors, SIZES[size]),
        in_flight=in_flight,
        share=2.5 if size == "16MB" else 0.8,
    )


WORKS: tuple[Work, ...] = (
    _shape("echo", "no-op echo", 0, _texts),
    _shape("chain1", "chain of 1", 1, partial(_numbers, partial(chain, length=1))),
    _shape("chain4", "chain of 4", 4, partial(_numbers, partial(chain, length=4))),
    _shape("chain10", "chain of 10", 10, partial(_numbers, partial(chain, length=10))),
    _shape("fan4", "fan-out of 4 and join", 5, partial(_numbers, partial(fan, width=4))),
    _shape("fan10", "fan-out of 10 and join", 11, partial(_numbers, partial(fan, width=10))),
    _shape("ensemble", "ensemble of 10 nodes", 3 + MODELS, _features),
    _shape("diamond30", "diamond of 30 layers", 2 * LAYERS + 1, partial(_numbers, diamond), in_flight=8),
    *(_tensor(size, nodes) for nodes in (1, 4) for size in SIZES),
    Work(
        name=BESIDE,
        title="chain of 1 beside 16 MB through 4 nodes",
        route="/chain1",
        calls=1,
        cases=partial(_numbers, partial(chain, length=1)),
        in_flight=1,
        beside="tensor4_16MB",
    ),
    Work(
        name="content",
        title="content understanding",
        route="/content_understanding",
        calls=6,
        cases=_pictures,
        in_flight=8,
        graph="content",
        share=3.0,
    ),
    *(
        Work(
            name=f"replicas{n}",
            title=f"node that is busy for 5 ms, {n} replica{'s' * (n > 1)}",
            route=f"/replicas{n}",
            calls=1,
            cases=partial(_numbers, partial(chain, length=1)),
            graph="replicas",
        )
        for n in REPLICAS
    ),
)

BY_NAME: Mapping[str, Work] = {w.name: w for w in WORKS}
QUICK = ("echo", "chain4", "fan4", "diamond30", "tensor4_1MB", *EXTRAS)
"""What `--quick` runs."""


def titles() -> Mapping[str, str]:
    """What each work is called in tables, in their order."""
    return {**{w.name: w.title for w in WORKS}, **EXTRAS}
