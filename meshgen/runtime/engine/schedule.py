"""What both engines know of a graph before they run it: which steps, what each one needs, what may run beside what.

It is worked out once per graph, and the executor and the code generator go by it, so that they cannot differ in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from typing import Any

from meshgen.graph.model import Graph, Node, Route
from meshgen.graph.steps import CallingStep, Expr, MapEach, Step, Switch, steps_read
from meshgen.runtime.call.transport import CallInfo, Origin, Place
from meshgen.runtime.engine.expressions import Reader, reader
from meshgen.runtime.engine.switch import case_finder
from meshgen.status import Internal

ADAPTER = "<input adapter>"
"""The node of the input adapter; no other can be named so."""


@dataclass(frozen=True, slots=True)
class ScheduledValue:
    """An expression that is evaluated as a whole: a route's output, or a branch of a step."""

    expr: Expr
    needs: tuple[int, ...]
    """Steps that it reads. What those need in turn is found while a request runs: most of it may be there already,
    and to list it for each case of each switch would take the square of a large graph."""
    read: Reader


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledStep:
    """A step with its readers."""

    step: Step
    needs: tuple[int, ...]
    """Steps that must be done before this one starts."""
    inputs: tuple[Reader, ...]
    """One for each of the step's inputs."""
    arguments: tuple[tuple[str, Reader], ...]
    """Those of the inputs that are arguments of a call, by parameter name."""
    call: CallInfo | None
    """None when the step calls no node itself."""
    branches: tuple[ScheduledValue, ...]
    """One for each of the step's branches."""
    find: Callable[[Any], int] | None
    """For a switch, the place of the case that a key names; -1 when none does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteSchedule:
    """What a request on one route runs."""

    route: Route
    steps: tuple[ScheduledStep, ...]
    """Every step that it may run, in topological order."""
    output: ScheduledValue
    alone: frozenset[Origin]
    """What nothing else of the request can run beside: the adapter, and those steps that are so."""

    is_chain: bool
    """Every step is alone, so that no tasks are needed."""
    one_call_at_a_time: bool
    """No two calls are independent of each other, so that nothing could run in parallel."""


class Schedule:
    """The schedule of a graph, for any number of requests at once."""

    def __init__(self, graph: Graph) -> None:
        """Work it out.

        Raises:
            Internal: a step calls a method that its node does not publish.
        """
        self.graph = graph
        self.steps = tuple(self._step(s) for s in graph.steps)
        """All steps of the graph, by their ids."""
        self.routes = {r.rpc: self._route(r) for r in graph.routes}
        self.adapter = _adapter_call(graph)
        """What makes the graph's input from a request, where something is called for that."""

    def missing(self, needs: Sequence[int], there: Container[int]) -> list[int]:
        """All steps that it takes for sure to have `needs`, and that are not `there`, in topological order.

        Those behind a branch are left to the step that takes it.
        """
        found: set[int] = set()
        waiting = list(needs)
        while waiting:
            step = waiting.pop()
            if step not in found and step not in there:
                found.add(step)
                waiting += self.steps[step].needs
        return sorted(found)

    def name_of(self, step: int) -> str:
        """What errors call a step."""
        return self.graph.steps[step].name

    def _step(self, step: Step) -> ScheduledStep:
        # A node that gets a value decodes it when it looks at it; a step that calls none looks at it itself.
        undecoded = isinstance(step, CallingStep)
        inputs = tuple(reader(e, self.name_of, undecoded=undecoded) for e in step.inputs)
        names = [name for name, _ in step.args] if isinstance(step, CallingStep) else []
        return ScheduledStep(
            step=step,
            needs=steps_read(step.inputs),
            inputs=inputs,
            arguments=tuple(zip(names, inputs[len(inputs) - len(names) :], strict=True)),
            call=_call(self.graph, step) if isinstance(step, CallingStep) else None,
            branches=tuple(self._value(b.expr) for b in step.branches),
            find=case_finder([key for key, _ in step.cases]) if isinstance(step, Switch) else None,
        )

    def _value(self, expr: Expr) -> ScheduledValue:
        return ScheduledValue(expr, steps_read([expr]), reader(expr, self.name_of, undecoded=True))

    def _route(self, route: Route) -> RouteSchedule:
        steps = self.graph.ancestors(route)
        alone = steps_alone(steps)
        is_chain = len(alone) == len(steps)
        return RouteSchedule(
            route=route,
            steps=tuple(self.steps[s.id] for s in steps),
            output=self._value(route.output),
            alone=frozenset(("adapter", *alone)),
            is_chain=is_chain,
            one_call_at_a_time=is_chain and not any(isinstance(s, MapEach) for s in steps),
        )


def call_of(scheduled: ScheduledStep) -> CallInfo:
    """The call of a step that makes one."""
    assert scheduled.call is not None
    return scheduled.call


def _call(graph: Graph, step: CallingStep) -> CallInfo:
    node = graph.node(step.node)
    method = node.method(step.method)
    if method is None:
        message = f"node '{node.name}' publishes no method `{step.method}`"
        raise Internal(message)
    return CallInfo(node, method, step.policy, Place(step.id))


def _adapter_call(graph: Graph) -> CallInfo | None:
    """The adapter as an inline function, so that it runs as one: in a thread when it is sync."""
    if graph.adapter is None or graph.adapter.record is not None:
        return None
    method, target = graph.adapter.method, graph.adapter.target
    node = Node(name=ADAPTER, kind="function", target=target, methods=(method,), published=False, span=method.span)
    return CallInfo.outside(node, method, Place("adapter"))


def steps_alone(steps: Sequence[Step]) -> list[int]:
    """The steps that come before or after every other one.

    All earlier ones come before a step when it is the one end of the steps so far: each of the others has a follower
    among them. All later ones come after it when it is likewise the one start of the rest. So one pass each way will
    do, which stays quick for large graphs; `steps` are in topological order.
    """
    places = {s.id: place for place, s in enumerate(steps)}
    needs = [[places[n] for n in steps_read((*s.inputs, *(b.expr for b in s.branches)))] for s in steps]
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
