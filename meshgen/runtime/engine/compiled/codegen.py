"""Writes a route as one Python function, which costs little more than the same calls written by hand.

The function is called with a `RunningRequest` and the graph's input. It reads paths, calls nodes, takes branches and
goes through lists itself; whatever is rare it leaves to the `RunningRequest`: errors, late calls, results to be
awaited. For those it keeps there where it is (`at`): at a call, by a positive number, or at the reading of values, by a
negative one.
"""

from __future__ import annotations

import builtins
import itertools
import keyword
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from types import CodeType
from typing import Any, TypeAlias, assert_never

from meshgen.graph.model import Node, Route
from meshgen.graph.steps import Call, MapEach, Step, Switch
from meshgen.runtime.call.transport import CallInfo
from meshgen.runtime.engine.compiled.values import INPUT, ValueWriter
from meshgen.runtime.engine.expressions import Reader
from meshgen.runtime.engine.schedule import RouteSchedule, Schedule, ScheduledStep, ScheduledValue, call_of
from meshgen.runtime.engine.switch import no_case
from meshgen.runtime.nodes.instance import starts_on_loop
from meshgen.schema.values.writable import arrays_in, with_writable

_DEEPEST = 40
"""Switches inside of cases; Python lets code be indented a hundred times, and a search for a case takes some."""
_COPIES = 4
"""A step that several cases share is written once for each; past this many times the route's own size, it is left."""
_NUMBERS = itertools.count(1)
"""Python keeps the lines of a file by its name, so each code has a name of its own."""

FUNCTION = "_route"
"""What the function is called in its module."""

Check: TypeAlias = Callable[[Any], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteCode:
    """A route as one Python function, compiled."""

    code: CodeType
    """A module that defines the function, by the name `FUNCTION`."""
    source: str
    names: Mapping[str, Any]
    """What the code reads, beside the nodes."""
    nodes: Mapping[str, Node]
    """The nodes by their names in the code, where each is its object or its function."""
    calls: Mapping[int, Node]
    """The node whose code runs at each positive place."""
    readings: Mapping[int, Sequence[Reader]]
    """What is read at each negative place."""
    results: Mapping[str, int]
    """Steps, by the variables that hold what they gave."""
    one_call_at_a_time: bool
    """No calls of it are independent of each other: there is nothing to run in parallel."""
    size: int
    """Calls that each request makes for sure."""


def route_code(schedule: Schedule, route: RouteSchedule, checks: Mapping[tuple[str, str], Check]) -> RouteCode | None:
    """A route as one function.

    Args:
        schedule: of the graph.
        route: one of its routes.
        checks: of the arguments, by node and method, as `request_check` makes them.

    Returns:
        None when it is not for one function: there are async methods, handles or time limits of nodes in it, or its
        switches share too much.
    """
    calls = [s.call for s in route.steps if s.call is not None]
    if schedule.adapter is not None:
        calls.append(schedule.adapter)
    if not all(_is_compilable(call) for call in calls):
        return None
    writer = _RouteWriter(schedule, checks, limit=_COPIES * len(route.steps) + 100)
    try:
        writer.route(route)
        source = writer.source()
        graph = schedule.graph
        title = f"meshgen: {graph.source or graph.name}, route {route.route.path}, as calls ({next(_NUMBERS)})"
        code = compile(source, title, "exec")
    except (_NotCompilableError, SyntaxError, RecursionError, MemoryError):
        return None
    return RouteCode(
        code=code,
        source=source,
        names=writer.names,
        nodes=writer.nodes,
        calls=writer.calls,
        readings=writer.readings,
        results={f"_r{s.step.id}": s.step.id for s in route.steps},
        one_call_at_a_time=route.one_call_at_a_time,
        size=writer.size,
    )


def _is_compilable(call: CallInfo) -> bool:
    node = call.node
    return not call.method.is_async and not node.may_call and not starts_on_loop(node) and call.policy.is_plain


class _NotCompilableError(Exception):
    """The route is not for one function."""


class _RouteWriter(ValueWriter):
    """Writes one route, in the order in which the executor would run it."""

    def __init__(self, schedule: Schedule, checks: Mapping[tuple[str, str], Check], limit: int) -> None:
        super().__init__(schedule)
        self.names |= {"_clock": time.monotonic, "_no_case": no_case}
        self.nodes: dict[str, Node] = {}
        self.calls: dict[int, Node] = {}
        self.size = 0
        self._checks = checks
        self._left = limit
        self._depth = 0
        self._done: set[int] = set()
        """Steps that have run for sure where the writing is."""
        self._added: list[int] = []
        """Those of them that the innermost branch has added."""
        self._maybe: set[int] = set()
        """Steps that have been written in another branch, and may have run."""
        self._unset: set[int] = set()
        self._by_node: dict[str, str] = {}

    # --- the whole

    def route(self, route: RouteSchedule) -> None:
        if self._schedule.graph.adapter is not None:
            self._adapted(route.route)
        if route.route.input.record is None:
            self._parts_of(route)
        self._steps(route.output.needs)
        (output,) = self._values([route.output.expr])
        self._line(f"return {output}")

    def source(self) -> str:
        head = [f"def {FUNCTION}(_s, _given):", *(f"    _r{step} = _s" for step in sorted(self._unset))]
        return "\n".join([*head, *self._lines, ""])

    def _adapted(self, route: Route) -> None:
        """Write what makes the input, as the executor does: the adapter's result is it, or each of its parts."""
        if (adapter := self._schedule.adapter) is not None:
            arrays = arrays_in(adapter.method.params)
            self.names |= {"_with_writable": with_writable, "_arrays": arrays}
            self._call(adapter, "_given", ["**_with_writable(_given, _arrays)" if arrays else "**_given"])
        if route.input.record is None:
            made = ", ".join(f"{p.name!r}: _given" for p in route.input.params)
            self._line(f"_given = {{{made}}}")
        self._line(f"_s.at = {INPUT}")

    def _parts_of(self, route: RouteSchedule) -> None:
        exprs = [e for s in route.steps for e in (*s.step.inputs, *(b.expr for b in s.branches))]
        self._take({p.name for p in route.route.input.params}, [*exprs, route.output.expr])

    # --- steps

    def _steps(self, needs: Sequence[int]) -> None:
        """All steps that `needs` take for sure and that have not run, in topological order."""
        for step in self._schedule.missing(needs, self._done):
            self._step(self._schedule.steps[step])

    def _step(self, scheduled: ScheduledStep) -> None:
        self._left -= 1
        if self._left < 0:
            raise _NotCompilableError
        step = scheduled.step.id
        if step in self._maybe:
            self._unset.add(step)
            with self._inside(f"if _r{step} is _s:"):
                self._write(scheduled)
        else:
            self._write(scheduled)
        self._done.add(step)
        self._added.append(step)

    def _write(self, scheduled: ScheduledStep) -> None:
        match scheduled.step:
            case Call() as step:
                values = self._values([e for _, e in step.args])
                call = call_of(scheduled)
                self._call(call, f"_r{step.id}", self._arguments(call, [name for name, _ in step.args], values))
            case MapEach() as step:
                self._map(scheduled, step)
            case Switch() as step:
                self._switch(scheduled, step)
            case _:
                assert_never(scheduled.step)

    def _call(self, call: CallInfo, into: str, arguments: Sequence[str]) -> None:
        node, method = call.node, call.method
        place = len(self.calls) + 1
        self.calls[place] = node
        self._line(f"_s.at = {place}")
        if (check := self._checks.get((node.name, method.name))) is not None:
            self.names[f"_check{place}"] = check
            self._line(f"_check{place}(dict({', '.join(arguments)}))")
        self._line("_now = _s.since = _clock()")
        self._line("if _now > _s.ends: _s.no_time()")
        name = self._node(node)
        function = name if node.kind == "function" else f"{name}.{method.name}"
        self._line(f"{into} = {function}({', '.join(arguments)})")
        self._line(f"if type({into}) not in _plain: {into} = _s.plain({into})")
        if self._depth == 0:
            self.size += 1
        else:
            self._line("_s.more += 1")

    def _arguments(self, call: CallInfo, names: Sequence[str], values: Sequence[str]) -> list[str]:
        arrays = arrays_in(call.method.params)
        given = []
        for name, value in zip(names, values, strict=True):
            if name in arrays:
                made = f"_writable{len(self.names)}"
                self.names[made] = arrays[name]
                given.append(f"{name}={made}({value})")
            else:
                given.append(f"{name}={value}")
        return given

    def _map(self, scheduled: ScheduledStep, step: MapEach) -> None:
        over, *others = self._values(step.inputs, always=True)
        call = call_of(scheduled)
        arguments = self._arguments(call, [step.item, *(name for name, _ in step.args)], ["_item", *others])
        self._line(f"_listed = list({over})")
        self._line(f"_r{step.id} = []")
        with self._branch("for _item in _listed:"):
            self._call(call, "_x", arguments)
            self._line(f"_r{step.id}.append(_x)")

    # --- switches

    def _switch(self, scheduled: ScheduledStep, step: Switch) -> None:
        if self._depth > _DEEPEST:
            raise _NotCompilableError
        (key,) = self._values([step.selector], always=True)
        self.names[f"_find{step.id}"] = scheduled.find
        self.names[f"_step{step.id}"] = step
        self._line(f"_key = {key}")
        self._line(f"_case = _find{step.id}(_key)")
        with self._branch("if _case < 0:"):
            if step.default is None:
                self._line(f"raise _no_case(_step{step.id}, _key)")
            else:
                self._taken(step, scheduled.branches[-1])
        if step.cases:
            with self._inside("else:"):
                self._cases(scheduled, 0, len(step.cases))

    def _cases(self, scheduled: ScheduledStep, first: int, end: int) -> None:
        """A search by halves: a hundred cases take seven comparisons, and Python's compiler no deep chain."""
        if end - first == 1:
            self._taken(scheduled.step, scheduled.branches[first])
            return
        middle = (first + end) // 2
        with self._branch(f"if _case < {middle}:"):
            self._cases(scheduled, first, middle)
        with self._branch("else:"):
            self._cases(scheduled, middle, end)

    def _taken(self, step: Step, branch: ScheduledValue) -> None:
        with self._branch(""):
            self._steps(branch.needs)
            (value,) = self._values([branch.expr])
            self._line(f"_r{step.id} = {value}")

    def _node(self, node: Node) -> str:
        """What the code calls a node: by its own name, so that a traceback reads well."""
        if node.name not in self._by_node:
            fine = node.name.isidentifier() and not node.name.startswith("_") and not keyword.iskeyword(node.name)
            name = node.name if fine and not hasattr(builtins, node.name) else f"_node{len(self.nodes)}"
            self._by_node[node.name] = name
            self.nodes[name] = node
        return self._by_node[node.name]

    @contextmanager
    def _branch(self, head: str) -> Iterator[None]:
        """What is written in here may not run: afterwards nobody can be sure of it."""
        outer, self._added = self._added, []
        self._depth += 1
        with self._inside(head) if head else nullcontext():
            yield
        self._depth -= 1
        self._done.difference_update(self._added)
        self._maybe.update(self._added)
        self._added = outer
