"""Compiled routes: each as one function, with the values, errors, notes and calls that the executor gives."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import random
import signal
import threading
import time
import traceback
import weakref
from collections import Counter
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from annotated_types import Ge
from hypothesis import given, settings
from hypothesis import strategies as st

import meshgen
from benchmarks.graphs.works_sync import app as works
from benchmarks.works import BY_NAME
from meshgen import DAGDriver, Handle, InputNode, LocalGraph, current_request, deployment, inline, map_each, switch
from meshgen.runtime.call import tracing
from meshgen.runtime.engine.compiled import adaptive
from meshgen.runtime.engine.compiled.route import CompiledRoute


def compiled(app: Any) -> LocalGraph:
    """The graph, with every route compiled."""
    return LocalGraph(meshgen.local(app).graph, engine="compiled")


def general(app: Any) -> LocalGraph:
    """The graph, with every route on the executor."""
    return LocalGraph(meshgen.local(app).graph, engine="executor")


def route_of(graph: LocalGraph, path: str = "/") -> CompiledRoute | None:
    return graph._entry(path).engines.compiled


# --- the two ways agree -------------------------------------------------------------------------------------------

LOG: list[str] = []


class Odd(BaseException):
    pass


class Thing:
    def __init__(self, n: Any) -> None:
        self.n = n
        self.both = [n, {"n": n}]

    @property
    def bad(self) -> Any:
        raise IndexError("not to be read")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Thing) and other.n == self.n

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Thing({self.n!r})"


ERRORS: tuple[Callable[[], BaseException], ...] = (
    lambda: ValueError("v"),
    lambda: meshgen.NotFound("gone"),
    lambda: SystemExit(3),
    StopIteration,
    asyncio.CancelledError,
    lambda: Odd("o"),
    GeneratorExit,
    lambda: ExceptionGroup("g", [KeyError("k")]),
)


@deployment
def thing(x):  # type: ignore[no-untyped-def]
    LOG.append(f"thing {x!r:.40}")
    return Thing(x)


@deployment
def table(x, y=0):  # type: ignore[no-untyped-def]
    LOG.append(f"table {y!r:.40}")
    return {"n": x, "both": (x, y), "list": [y]}


@deployment
def many(x):  # type: ignore[no-untyped-def]
    LOG.append("many")
    return [x, 1, 2]


@deployment
def number(x):  # type: ignore[no-untyped-def]
    LOG.append(f"number {current_request().node}")
    return len(repr(x)) % 4 - 1


@inline
def lazy(x):  # type: ignore[no-untyped-def]
    LOG.append("lazy")
    return _awaited(x)


async def _awaited(x: Any) -> Any:
    await asyncio.sleep(0)
    LOG.append(f"awaited {current_request().node}")
    return x


@deployment
class Keeper:
    def __init__(self, fails: bool) -> None:
        LOG.append(f"made {current_request().node}")
        if fails:
            message = "cannot be made"
            raise LookupError(message)

    def __call__(self, x):  # type: ignore[no-untyped-def]
        LOG.append("keeper")
        return x

    def limited(self, n: Annotated[int, Ge(0)]):  # type: ignore[no-untyped-def]
        LOG.append(f"limited {n}")
        return n


def failing(which: int) -> Any:
    @deployment(name=f"failing_{which}")
    def fail(x):  # type: ignore[no-untyped-def]
        LOG.append(f"failing {which}")
        error = ERRORS[which]()
        raise error

    return fail


FAILING = [failing(i) for i in range(len(ERRORS))]


class Drawing:
    """A graph of nodes that take anything and give anything; what does not fit makes for errors."""

    def __init__(self, rng: random.Random, serial: bool, fails: float) -> None:
        self.rng, self.serial, self.fails = rng, serial, fails
        self.keepers = [Keeper.options(name=f"keeper_{i}").bind(rng.random() < fails / 4) for i in range(2)]

    def app(self) -> Any:
        with InputNode(a=int, b=Any) as request:
            self.firsts = [request.a, request.b, request.b["deep"][1], request.b["list"]]
            self.values = self.firsts[:1] if self.serial else [self.rng.choice(self.firsts)]
            for _ in range(self.rng.randint(1, 7)):
                self.values.append(self.step())
            last = self.values[-1]
            other = None if self.serial else self.rng.choice([*self.values, self.nested()])
            return DAGDriver.bind(thing.bind(last) if self.serial else table.bind(last, other))

    def step(self) -> Any:
        shape = self.rng.random()
        if shape < 0.7 or (self.serial and shape >= 0.85):
            return self.call(self.nested())
        if shape < 0.85:
            keys = self.rng.sample([0, 1, 2, True, "1"], self.rng.randint(1, 4))
            default = {"default": self.nested()} if self.rng.random() < 0.5 else {}
            return switch(number.bind(self.value()), {k: self.call(self.nested()) for k in keys}, **default)
        return map_each(self.rng.choice([thing, table, self.keepers[0]]), over=many.bind(self.nested()))

    def call(self, x: Any) -> Any:
        if self.rng.random() < self.fails / 3:
            return self.rng.choice(FAILING).bind(x)
        keeper = self.rng.choice(self.keepers)
        match self.rng.randrange(9):
            case 0 | 1 | 2 | 3 as kind:
                return (thing, many, number, table)[kind].bind(x)
            case 4 | 5:
                return keeper.bind(x)
            case 6:
                return keeper.limited.bind(number.bind(x))
            case 7 if self.rng.random() < 0.2:
                return lazy.bind(x)
            case _:
                return table.bind(x, 3 if self.serial else self.nested())

    def nested(self) -> Any:
        one = self.part()
        return (
            one if self.serial else self.rng.choice([one, [one, self.part()], {"p": one, 3: [self.part()]}, (one, 1)])
        )

    def part(self) -> Any:
        found = self.value()
        if not any(found is v for v in (*self.firsts, 7, "x", None)) and self.rng.random() < self.fails:
            looks = [lambda v: v["n"], lambda v: v.both, lambda v: v[0], lambda v: v.bad]
            return self.rng.choice(looks)(found)
        return found

    def value(self) -> Any:
        if self.serial:
            return self.values[-1]
        return self.rng.choice([*self.values, *self.values[-2:], self.firsts[3], 7, "x", None])


def drawn(rng: random.Random, serial: bool, fails: float) -> Any:
    return Drawing(rng, serial, fails).app()


def outcome(graph: LocalGraph, *args: Any) -> tuple[Any, list[str]]:
    LOG.clear()
    try:
        result: Any = graph(*args)
    except BaseException as error:
        result = told(error)
    return result, list(LOG)


def told(error: BaseException | None) -> Any:
    """All that somebody sees of an error, but where the line is that let it through."""
    if error is None:
        return None
    if isinstance(error, BaseExceptionGroup):
        return [told(e) for e in error.exceptions], getattr(error, "__notes__", [])
    lines = [
        f.name for f in traceback.extract_tb(error.__traceback__) if f.filename == __file__ and f.name != "outcome"
    ]
    return (
        type(error),
        str(error),
        getattr(error, "node", None),
        getattr(error, "violations", None),
        getattr(error, "__notes__", []),
        told(error.__cause__),
        error.__suppress_context__,
        lines,
    )


B = {"deep": [1, {"n": 2}], "list": [1, 2]}


@settings(deadline=None)
@given(st.integers(0, 10**9), st.sampled_from([0.0, 0.5, 0.9]))
def test_chains_agree_with_the_executor_to_the_order_of_calls(seed: int, fails: float) -> None:
    app = drawn(random.Random(seed), True, fails)
    assert outcome(compiled(app), 3, B) == outcome(general(app), 3, B)


@settings(deadline=None)
@given(st.integers(0, 10**9), st.sampled_from([0.0, 0.0, 0.3]))
def test_graphs_agree_with_the_executor(seed: int, fails: float) -> None:
    app = drawn(random.Random(seed), False, fails)
    one, calls = outcome(compiled(app), 3, B)
    others = [outcome(general(app), 3, B) for _ in range(3)]
    if isinstance(one, tuple):  # of two branches that fail, either may be the first when they run in parallel
        assert any(isinstance(other, tuple) for other, _ in others)
    else:
        assert all(other == one for other, _ in others)
        assert all(Counter(c) == Counter(calls) for _, c in others)


# --- what is compiled, and what is not ----------------------------------------------------------------------------


BY_ROUTE = {w.route: w for w in reversed(BY_NAME.values()) if w.graph == "works"}


@pytest.mark.parametrize("work", BY_ROUTE.values(), ids=BY_ROUTE)
def test_the_routes_of_the_benchmark_run_compiled_once_their_calls_were_short(
    work: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = meshgen.local(works)
    route = route_of(graph, work.route)
    assert route is not None
    assert (route.times is None) == work.name.startswith(("echo", "chain", "tensor"))
    assert route.size == max(work.calls, 1)
    if route.times is not None:
        for _ in range(100):
            route.times.ran_in_threads([1e-6] * work.calls)
        assert route.times.short
    monkeypatch.setattr(graph._running.loops, "run", None)  # no event loop from here on
    threads = threading.active_count()
    for case in work.cases():
        answer = graph(route=work.route, **case.request)
        assert answer is case.answer or answer == case.answer
    assert threading.active_count() == threads


@deployment
def double(x: float) -> float:
    return 2 * x


@deployment
def add(a: float, b: float) -> float:
    return a + b


@deployment
async def waits(x: float) -> float:
    return x


@deployment
class Kept:
    def __call__(self, x: float) -> float:
        return x


@deployment
class Asks:
    def __init__(self, other: Handle[Kept]) -> None:
        self.other = other

    def __call__(self, x: float) -> float:
        return float(self.other.remote(x).result(5))


def test_async_nodes_handles_and_limits_of_nodes_are_the_executors() -> None:
    with InputNode(float) as x:
        asks = Asks.bind(Kept.bind())
        outputs = {
            "/async": add.bind(waits.bind(x), 1.0),
            "/handle": asks.bind(x),
            "/limit": double.options(name="limited", timeout_s=5).bind(x),
            "/compiled": double.bind(x),
        }
        graph = meshgen.local(DAGDriver.bind(outputs))
    assert [path for path in outputs if route_of(graph, path) is not None] == ["/compiled"]
    assert [graph(2.0, route=path) for path in outputs] == [3.0, 2.0, 4.0, 4.0]


def test_a_traced_request_is_the_executors(monkeypatch: pytest.MonkeyPatch) -> None:
    with InputNode(float) as x:
        graph = meshgen.local(DAGDriver.bind(double.bind(x)))
    monkeypatch.setattr(CompiledRoute, "run", lambda *_: "compiled")
    monkeypatch.setattr(tracing, "recording", lambda: True)
    assert graph(1.0) == 2.0
    monkeypatch.setattr(tracing, "recording", lambda: False)
    assert graph(1.0) == "compiled"


def test_slow_branches_run_beside_each_other_and_short_ones_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    where: list[str] = []

    @deployment
    def look(x: float) -> float:
        where.append(threading.current_thread().name)
        return x

    with InputNode(float) as x:
        graph = meshgen.local(DAGDriver.bind(add.bind(look.bind(x), look.bind(x))))
    here = threading.current_thread().name

    def beside() -> bool:
        where.clear()
        assert graph(1.0) == 2.0
        assert len(where) == 2
        return here not in where

    monkeypatch.setattr(adaptive, "WORTH_S", 10.0)
    assert [beside() for _ in range(5)] == [True, True, False, False, False]
    monkeypatch.setattr(adaptive, "WORTH_S", 0.0)
    assert [beside() for _ in range(5)] == [False, False, True, True, True]


def test_a_route_that_changes_all_the_time_is_watched_for_longer() -> None:
    watched = adaptive.CallTimes()

    def runs_until_short() -> int:
        for runs in range(1, 10_000):
            watched.ran_in_threads([1e-6, 2e-6])
            if watched.short:
                return runs
        raise AssertionError

    def is_late() -> None:
        watched.ran_compiled(1.0, 2)
        assert watched.short, "once is by chance"
        watched.ran_compiled(1.0, 2)
        assert not watched.short

    assert runs_until_short() == 2
    watched.ran_compiled(1.0, 2)
    watched.ran_compiled(1e-6, 2)
    is_late()
    for _ in range(3):
        watched.ran_in_threads([1e-6])
    watched.ran_in_threads([1e-6, 1.0])
    assert not watched.short
    assert runs_until_short() == 4
    is_late()
    assert runs_until_short() == 8
    for _ in range(100):
        watched.ran_compiled(1e-6, 2)
    is_late()
    assert runs_until_short() == 2, "it has been short for long"
    for _ in range(20):
        is_late()
        longest = runs_until_short()
    assert longest == 1024


def test_a_result_to_be_awaited_is_awaited_and_the_route_left_to_the_executor() -> None:
    calls = []

    @deployment
    def lazily(x: float) -> Any:
        async def later() -> float:
            await asyncio.sleep(0)
            calls.append(current_request().node)
            return x + 1

        return later()

    with InputNode(float) as x:
        graph = meshgen.local(DAGDriver.bind(double.bind(lazily.bind(double.bind(x)))))
    route = route_of(graph)
    assert route is not None
    assert (graph(1.0), graph(2.0)) == (6.0, 10.0)
    assert calls == ["lazily", "lazily"]
    assert route.awaits


def test_a_result_that_is_awaited_too_long() -> None:
    @deployment
    def lazily(x: float) -> Any:
        return asyncio.sleep(30)

    with InputNode(float) as x:
        graph = meshgen.local(DAGDriver.bind(lazily.bind(x)))
    for _ in range(2):
        with pytest.raises(meshgen.DeadlineExceeded, match="node 'lazily' did not answer"):
            graph(1.0, timeout_s=0.1)


# --- what a node sees ---------------------------------------------------------------------------------------------


def test_the_request_is_told_at_each_node_and_its_trace_is_one() -> None:
    seen = []

    @deployment
    def look(x: float) -> float:
        seen.append((current_request(), dict(tracing.outgoing())))
        return x

    with InputNode(float) as x:
        app = DAGDriver.bind({"/a": look.options(name="second").bind(look.bind(x)), "/b": look.bind(x)})
    graph = compiled(app)
    graph(1.0, route="/a", timeout_s=7)
    (one, position), (two, _) = seen
    assert (one.node, two.node, one.route, one.graph) == ("look", "second", "/a", graph.graph.name)
    assert one.trace_id == two.trace_id
    assert len(one.trace_id) == 32
    assert one.trace_id in position["traceparent"]
    assert one.deadline == two.deadline
    assert one.metadata == {}
    graph(1.0, route="/b")
    assert seen[-1][0].trace_id != one.trace_id
    with pytest.raises(LookupError):
        current_request()
    assert tracing.trace_id() == ""


def test_a_graph_inside_of_a_node_goes_on_with_its_trace() -> None:
    seen = []

    @deployment
    def inner(x: float) -> float:
        seen.append(current_request())
        return x

    with InputNode(float) as x:
        below = meshgen.local(DAGDriver.bind(inner.bind(x)))

    @deployment
    def outer(x: float) -> float:
        answer = below(x, timeout_s=5)
        seen.append(current_request())
        return float(answer)

    with InputNode(float) as x:
        graph = meshgen.local(DAGDriver.bind(outer.bind(x)))
    assert graph(1.0) == 1.0
    assert [r.node for r in seen] == ["inner", "outer"]
    assert seen[0].trace_id == seen[1].trace_id
    assert seen[1].trace_id in seen[0].metadata["traceparent"]


@pytest.mark.parametrize("way", [compiled, general])
def test_context_variables_of_the_caller_are_seen_and_those_of_nodes_stay_inside(
    way: Callable[[Any], LocalGraph],
) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="none")

    @deployment
    def look(x: float) -> str:
        found = variable.get()
        variable.set("node's")
        return found

    with InputNode(float) as x:
        graph = way(DAGDriver.bind(look.bind(x)))
    assert graph(1.0) == "none"
    token = variable.set("caller's")
    assert graph(1.0) == "caller's"
    assert variable.get() == "caller's"
    variable.reset(token)


def test_a_traceback_shows_the_call_in_the_code_of_the_route() -> None:
    @deployment
    def fails(x: float) -> float:
        raise ValueError(x)

    with InputNode(float) as x:
        graph = meshgen.local(DAGDriver.bind(fails.bind(double.bind(x))))
    with pytest.raises(ValueError, match=r"2\.0") as caught:
        graph(1.0)
    text = "".join(traceback.format_exception(caught.value))
    assert "= fails(x=_r0)" in text
    assert "in node 'fails'" in text


def test_a_graph_that_nobody_needs_goes_at_once_and_its_nodes_with_it() -> None:
    made: list[weakref.ref[Any]] = []

    @deployment
    class Model:
        def __init__(self) -> None:
            made.append(weakref.ref(self))

        def __call__(self, x: float) -> float:
            return x

    with InputNode(float) as x:
        app = DAGDriver.bind({"/once": Model.bind().bind(x), "/never": Model.bind().bind(x)})
    graph = meshgen.local(app)
    gc.disable()
    try:
        assert graph(1.0, route="/once") == 1.0
        route_of(graph, "/never")
        del graph
        assert [ref() for ref in made] == [None]
    finally:
        gc.enable()


# --- time -----------------------------------------------------------------------------------------------------------


def test_off_the_main_thread_no_call_starts_too_late() -> None:
    calls = []

    @deployment
    def slow(x: float) -> float:
        calls.append(x)
        time.sleep(0.1)
        return x + 1

    with InputNode(float) as x:
        graph = meshgen.local(DAGDriver.bind(slow.bind(slow.bind(x))))
    errors: list[BaseException] = []

    def run() -> None:
        try:
            graph(1.0, timeout_s=0.05)
        except meshgen.DeadlineExceeded as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert calls == [1.0]
    assert "no time was left to call node 'slow'" in str(errors[0])


def test_a_deadline_that_one_node_swallows_is_told_of_it_before_the_next_starts() -> None:
    @deployment
    def stubborn(x: float) -> float:
        try:
            time.sleep(5)
        except meshgen.DeadlineExceeded:
            return x
        return x

    with InputNode(float) as x:
        graph = meshgen.local(DAGDriver.bind(double.bind(stubborn.bind(x))))
    with pytest.raises(meshgen.DeadlineExceeded, match="node 'stubborn' did not answer"):
        graph(1.0, timeout_s=0.05)


def test_handler_and_timer_are_as_they_were_after_answers_and_errors() -> None:
    @deployment
    def fails(x: float) -> float:
        raise ValueError(x)

    with InputNode(float) as x:
        graph = meshgen.local(DAGDriver.bind({"/good": double.bind(x), "/bad": fails.bind(x)}))

    def mine(_signal: int, _frame: Any) -> None:
        pass

    handler, timer = signal.signal(signal.SIGALRM, mine), signal.setitimer(signal.ITIMER_REAL, 100)
    try:
        graph(1.0, route="/good")
        with pytest.raises(ValueError, match="1"):
            graph(1.0, route="/bad")
        assert signal.getsignal(signal.SIGALRM) is mine
        assert 50 < signal.getitimer(signal.ITIMER_REAL)[0] <= 100
    finally:
        signal.setitimer(signal.ITIMER_REAL, *timer)
        signal.signal(signal.SIGALRM, handler)


# --- size -----------------------------------------------------------------------------------------------------------


def test_large_graphs_and_deep_ones_have_an_answer_either_way() -> None:
    with InputNode(k=int, x=float) as request:
        shared: Any = request.x
        for _ in range(150):
            shared = add.bind(shared, 1.0)
        chosen: Any = 0.0
        for depth in range(60):
            chosen = switch(request.k, {depth: add.bind(request.x, float(depth))}, default=chosen)
        cases = {k: add.bind(request.x, float(k)) for k in range(1200)}
        outputs = {
            "/shared": switch(request.k, {k: add.bind(shared, float(k)) for k in range(20)}),
            "/deep": add.bind(chosen, 0.0),
            "/cases": add.bind(switch(request.k, cases), 0.0),
        }
        graph = meshgen.local(DAGDriver.bind(outputs))
    assert [graph(7, 1.0, route=path) for path in outputs] == [158.0, 8.0, 8.0]
    taken = route_of(graph, "/cases")
    assert taken is not None
    assert taken.size == 1
    assert route_of(graph, "/shared") is None, "a hundred and fifty calls in each of twenty cases"


def _chain(length: int, x: Any) -> Any:
    for _ in range(length):
        x = add.bind(x, 1.0)
    return x


def _switches(length: int, x: Any) -> Any:
    for i in range(length):
        x = switch(parity.bind(x), {0: add.bind(x, 1.0), 1: x}, default=add.bind(x, float(i)))
    return x


@inline
def parity(x: float) -> int:
    return int(x) % 2


@deployment
def total(values: list[float]) -> float:
    return sum(values)


SHAPES: dict[str, Callable[[int, Any], Any]] = {
    "chain": _chain,
    "fan": lambda width, x: total.bind([add.bind(x, float(i)) for i in range(width)]),
    "cases": lambda count, x: switch(parity.bind(x), {i: add.bind(x, float(i)) for i in range(count)}),
    "switches": _switches,
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_the_code_of_a_route_is_as_long_as_the_route(shape: Callable[[int, Any], Any]) -> None:
    lengths = []
    for size in (50, 500):
        with InputNode(float) as x:
            graph = meshgen.local(DAGDriver.bind(shape(size, x)))
        route = route_of(graph)
        assert route is not None
        lengths.append(len(route._code.source.splitlines()))
    assert lengths[1] < 11 * lengths[0]
