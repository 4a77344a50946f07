"""Runs a graph over a transport: each call at most once, independent branches in parallel, untaken branches not at all.

Evaluation is by demand, from the output back. What a route needs is planned once per graph.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any

from meshgen.codec.lazy import elements, together
from meshgen.graph.model import (
    Call,
    Expr,
    Graph,
    MapEach,
    Method,
    Node,
    Result,
    Route,
    Step,
    Switch,
    sources,
    step_branches,
    step_inputs,
)
from meshgen.runtime.call import tracing
from meshgen.runtime.call.transport import Transport
from meshgen.runtime.engine.expressions import Reader, reader
from meshgen.runtime.engine.switch import case_finder, no_case
from meshgen.status import Internal

ADAPTER = "<input adapter>"
"""No node can be named so."""


class Executor:
    """One graph over one transport; serves any number of requests at once."""

    def __init__(self, graph: Graph, transport: Transport) -> None:
        self._graph = graph
        self._transport = transport
        self._steps = {s.id: _PlannedStep.of(graph, s) for s in graph.steps}
        self._routes = {r.rpc: _PlannedRoute.of(graph, r) for r in graph.routes}
        self.adapter = _adapter_node(graph)
        """The node that makes the graph's input from a request, where one is called for that."""

    async def run(self, route: Route, value: Any) -> Any:
        """Answer one request.

        Args:
            route: one of the graph's.
            value: the request: an instance of the record when `graph.request(route).record` is given, else a dict
                by parameter name.

        Returns:
            What the route's output yields, undecoded if the transport gave it so.

        Raises:
            StatusError: the input does not fit a switch or a path, a deadline passed, or user code said so.
            Exception: whatever else user code raised (in process). Siblings of a failed call are cancelled.
        """
        plan = self._routes[route.rpc]
        given = await self._adapted(route, value)
        run = _Run(self._graph, self._transport, self._steps, plan, given)
        return await run.answer()

    def serial(self, route: Route) -> bool:
        """No two calls of the route are independent of each other."""
        mapped = any(isinstance(s, MapEach) for s in self._graph.ancestors(route))
        return self._routes[route.rpc].serial and not mapped

    async def _adapted(self, route: Route, value: Any) -> Any:
        """The graph's input from the request."""
        adapter = self._graph.adapter
        if self.adapter is None or adapter is None:
            return value if adapter is None else _as_input(route, value)
        made = await self._transport.call(self.adapter, adapter.method, value, alone=True)
        return _as_input(route, made)


def _adapter_node(graph: Graph) -> Node | None:
    """The adapter as an inline function, so that it runs as one: in a thread when it is sync."""
    if graph.adapter is None or graph.adapter.record is not None:
        return None
    method = graph.adapter.method
    target = graph.adapter.target
    return Node(name=ADAPTER, kind="function", target=target, methods=(method,), published=False, span=method.span)


def _as_input(route: Route, made: Any) -> Any:
    return made if route.input.record is not None else {p.name: made for p in route.input.params}


@dataclass(frozen=True, slots=True, kw_only=True)
class _PlannedStep:
    """A step with its readers."""

    step: Step
    needs: tuple[int, ...]
    """Steps that must be done before this one starts."""
    readers: Mapping[str, Reader]
    """Arguments, by parameter name."""
    head: Reader | None
    """The selector of a switch, the list of a map_each."""
    find: Callable[[Any], int] | None = None
    """The place of a switch's case among `branches`."""
    branches: tuple[_Branch, ...] = ()
    default: _Branch | None = None

    @classmethod
    def of(cls, graph: Graph, step: Step) -> _PlannedStep:
        name = partial(_name_of_step, graph)
        head: Expr | None = None
        args: tuple[tuple[str, Expr], ...] = ()
        find: Callable[[Any], int] | None = None
        branches: tuple[_Branch, ...] = ()
        default: _Branch | None = None
        match step:
            case Call():
                args = step.args
            case MapEach():
                args, head = step.args, step.over
            case Switch():
                head = step.selector
                find = case_finder([key for key, _ in step.cases])
                branches = tuple(_Branch.of(graph, e) for _, e in step.cases)
                if step.default is not None:
                    default = _Branch.of(graph, step.default)
        return cls(
            step=step,
            needs=_needs(step_inputs(step)),
            readers={n: reader(e, name, undecoded=True) for n, e in args},
            head=None if head is None else reader(head, name, undecoded=isinstance(step, MapEach)),
            find=find,
            branches=branches,
            default=default,
        )


@dataclass(frozen=True, slots=True)
class _Branch:
    """An expression that is evaluated as a whole: a route's output, or a case of a switch."""

    needs: tuple[int, ...]
    """Steps that it reads. What those need in turn is found while a request runs: most of it may be there already,
    and to list it for each case of each switch would take the square of a large graph."""
    read: Reader

    @classmethod
    def of(cls, graph: Graph, expr: Expr) -> _Branch:
        return cls(_needs([expr]), reader(expr, partial(_name_of_step, graph), undecoded=True))


def _name_of_step(graph: Graph, index: int) -> str:
    step = graph.steps[index]
    return "switch" if isinstance(step, Switch) else step.node


def _needs(exprs: Sequence[Expr]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(s.step for e in exprs for s in sources(e) if isinstance(s, Result)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _PlannedRoute:
    output: _Branch
    alone: frozenset[int]
    """Steps beside which nothing else of the request can run."""
    serial: bool
    """Every step is alone: the route is a chain, and needs no tasks."""

    @classmethod
    def of(cls, graph: Graph, route: Route) -> _PlannedRoute:
        steps = graph.ancestors(route)
        alone = frozenset(_alone(steps))
        return cls(
            output=_Branch.of(graph, route.output),
            alone=alone,
            serial=len(alone) == len(steps),
        )


def _alone(steps: Sequence[Step]) -> list[int]:
    """Steps that come before or after every other one.

    All earlier ones come before a step when it is the one end of the steps so far: each of the others has a follower
    among them. All later ones come after it when it is likewise the one start of the rest. So one pass each way will
    do, which stays quick for large graphs; `steps` are in topological order.
    """
    places = {s.id: place for place, s in enumerate(steps)}
    needs = [[places[n] for n in _needs((*step_inputs(s), *step_branches(s)))] for s in steps]
    follower, forerunner = [len(steps)] * len(steps), [max(n, default=-1) for n in needs]
    for place, needed in enumerate(needs):
        for n in needed:
            follower[n] = min(follower[n], place)
    ends, starts = _open(follower), _open([len(steps) - 1 - f for f in reversed(forerunner)])
    return [s.id for place, s in enumerate(steps) if ends[place] == starts[len(steps) - 1 - place] == 1]


def _open(until: Sequence[int]) -> list[int]:
    """How many of the places up to each place reach beyond it, when each reaches until the place given for it."""
    closing = Counter(until)
    counts: list[int] = []
    for place in range(len(until)):
        counts.append((counts[-1] if counts else 0) + 1 - closing[place])
    return counts


class _Run:
    """One request."""

    def __init__(
        self,
        graph: Graph,
        transport: Transport,
        steps: Mapping[int, _PlannedStep],
        plan: _PlannedRoute,
        given: Any,
    ) -> None:
        self._graph = graph
        self._transport = transport
        self._steps = steps
        self._plan = plan
        self._given = given
        self._results: dict[int, Any] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None
        self._tracebacks: dict[int, TracebackType | None] = {}

    async def answer(self) -> Any:
        if self._plan.serial:
            return await self._branch(self._plan.output)
        try:
            async with asyncio.TaskGroup() as self._group:
                return await self._branch(self._plan.output)
        except BaseExceptionGroup as group:
            # The first failure is the request's; the others are siblings that it took down.
            first = group.exceptions[0]
        # Outside of the handler, so that a user's traceback does not show the group; and with the traceback of the
        # first raise, which asyncio forgets when several tasks wait for the one that failed.
        raise first.with_traceback(self._tracebacks.get(id(first), first.__traceback__))

    async def _branch(self, branch: _Branch) -> Any:
        if self._group is None:
            for step in self._missing(branch, self._results):
                await self._run(step)
            return branch.read(self._given, self._results)
        for step in self._missing(branch, self._tasks):
            self._tasks[step] = self._group.create_task(self._run_when_ready(step))
        for step in branch.needs:
            await self._tasks[step]
        return branch.read(self._given, self._results)

    def _missing(self, branch: _Branch, there: Mapping[int, Any]) -> list[int]:
        """All steps that it takes for sure and that are not `there`, in topological order.

        Those behind a switch are the switch's own.
        """
        found: set[int] = set()
        waiting = list(branch.needs)
        while waiting:
            step = waiting.pop()
            if step not in found and step not in there:
                found.add(step)
                waiting += self._steps[step].needs
        return sorted(found)

    async def _run_when_ready(self, index: int) -> None:
        for step in self._steps[index].needs:
            await self._tasks[step]
        try:
            await self._run(index)
        except Exception as error:
            self._tracebacks.setdefault(id(error), error.__traceback__)
            raise

    async def _run(self, index: int) -> None:
        """Run one step; what it needs is there."""
        planned = self._steps[index]
        match planned.step:
            case Call() as step:
                self._results[index] = await self._call(step, self._arguments(planned), index in self._plan.alone)
            case Switch() as step:
                self._results[index] = await self._branch(self._taken(planned, step))
            case MapEach() as step:
                self._results[index] = await self._map(planned, step)

    def _arguments(self, planned: _PlannedStep) -> dict[str, Any]:
        return {name: read(self._given, self._results) for name, read in planned.readers.items()}

    async def _call(self, step: Call | MapEach, arguments: Mapping[str, Any], alone: bool) -> Any:
        node = self._graph.node(step.node)
        method = _method(node, step.method)
        with tracing.span(self._graph.name, f"{node.name}.{method.rpc}", "client"):
            return await self._transport.call(node, method, arguments, alone=alone)

    def _taken(self, planned: _PlannedStep, step: Switch) -> _Branch:
        assert planned.head is not None
        assert planned.find is not None
        key = planned.head(self._given, self._results)
        place = planned.find(key)
        if place >= 0:
            return planned.branches[place]
        if planned.default is not None:
            return planned.default
        raise no_case(step, key)

    async def _map(self, planned: _PlannedStep, step: MapEach) -> Any:
        assert planned.head is not None
        listed = elements(planned.head(self._given, self._results))
        items = enumerate(listed)
        others = self._arguments(planned)
        results: dict[int, Any] = {}

        async def work() -> None:
            for index, item in items:  # shared: each worker takes the next one
                results[index] = await self._call(step, {step.item: item, **others}, alone=False)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(step.max_concurrency, len(listed))):
                    group.create_task(work())
        except BaseExceptionGroup as failed:
            first = failed.exceptions[0]
        else:
            return together([results[i] for i in range(len(listed))], list)
        raise first


def _method(node: Node, name: str) -> Method:
    method = node.method(name)
    if method is None:
        message = f"node '{node.name}' publishes no method `{name}`"
        raise Internal(message)
    return method
