"""Writes a route as one straight Python function, which costs little more than the same calls written by hand.

The function is called with an `Underway` and the graph's input. It reads paths, calls nodes, takes branches and goes
through lists itself; whatever is rare it leaves to the `Underway`: errors, late calls, results to be awaited. For those
it keeps there where it is (`at`): at a call, by a positive number, or at the reading of values, by a negative one.
"""

from __future__ import annotations

import builtins
import itertools
import keyword
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from types import CodeType
from typing import Any, TypeAlias, assert_never

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
from meshgen.runtime.engine.compiled.values import INPUT, ValueWriter
from meshgen.runtime.engine.expressions import Reader
from meshgen.runtime.engine.switch import case_finder, no_case

_DEEPEST = 40
"""Switches inside of cases; Python lets code be indented a hundred times, and a search for a case takes some."""
_COPIES = 4
"""A step that several cases share is written once for each; past this many times the route's own size, it is left."""
_NUMBERS = itertools.count(1)
"""Python keeps the lines of a file by its name, so each code has a name of its own."""

Check: TypeAlias = Callable[[Any], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Straight:
    """A route, compiled."""

    code: CodeType
    """Of a module that defines `_answer(underway, given)`."""
    source: str
    names: Mapping[str, Any]
    """What the code reads, beside the nodes."""
    nodes: Mapping[str, Node]
    """By their names in the code, where each is its object or its function."""
    calls: Mapping[int, Node]
    """Whose code runs at each positive place."""
    readings: Mapping[int, Sequence[Reader]]
    """What is read at each negative place."""
    results: Mapping[str, int]
    """Steps, by the variables that hold what they gave."""
    serial: bool
    """No calls of it are independent of each other: there is nothing to run in parallel."""
    size: int
    """Calls that each request makes for sure."""


def compiled(
    graph: Graph,
    route: Route,
    adapter: Node | None,
    checks: Mapping[tuple[str, str], Check],
    serial: bool,
) -> Straight | None:
    """A route as straight code.

    Args:
        graph: the graph.
        route: one of its routes.
        adapter: the node that makes the graph's input from the request.
        checks: of the arguments, by node and method, as `request_check` makes them.
        serial: no calls of the route are independent of each other.

    Returns:
        None when it is not for straight code: there are async methods, handles or time limits of nodes in it, or its
        switches share too much.
    """
    steps = graph.ancestors(route)
    called = [(node := graph.node(s.node), node.method(s.method)) for s in steps if not isinstance(s, Switch)]
    if adapter is not None:
        called.append((adapter, adapter.methods[0]))
    if not all(_fits(node, method) for node, method in called):
        return None
    writer = _Writer(graph, checks, limit=_COPIES * len(steps) + 100)
    try:
        writer.route(route, adapter)
        source = writer.source()
        title = f"meshgen: {graph.source or graph.name}, route {route.path}, as calls ({next(_NUMBERS)})"
        code = compile(source, title, "exec")
    except (_UnfitError, SyntaxError, RecursionError, MemoryError):
        return None
    return Straight(
        code=code,
        source=source,
        names=writer.names,
        nodes=writer.nodes,
        calls=writer.calls,
        readings=writer.readings,
        results={f"_r{s.id}": s.id for s in steps},
        serial=serial,
        size=writer.size,
    )


def _fits(node: Node, method: Method | None) -> bool:
    return method is not None and not method.is_async and not node.may_call and node.options.timeout_s is None


class _UnfitError(Exception):
    """The route is not for straight code."""


class _Writer(ValueWriter):
    """Writes one route, in the order in which the executor would run it."""

    def __init__(self, graph: Graph, checks: Mapping[tuple[str, str], Check], limit: int) -> None:
        super().__init__(graph)
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

    def route(self, route: Route, adapter: Node | None) -> None:
        if self._graph.adapter is not None:
            self._adapted(route, adapter)
        if route.input.record is None:
            self._parts_of(route)
        self._steps(route.output)
        (output,) = self._values([route.output])
        self._line(f"return {output}")

    def source(self) -> str:
        head = ["def _answer(_s, _given):", *(f"    _r{step} = _s" for step in sorted(self._unset))]
        return "\n".join([*head, *self._lines, ""])

    def _adapted(self, route: Route, adapter: Node | None) -> None:
        """As the executor does it: what the adapter makes is the input, or each of its parts."""
        if adapter is not None:
            self._call(adapter, adapter.methods[0], "_given", ["**_given"])
        if route.input.record is None:
            made = ", ".join(f"{p.name!r}: _given" for p in route.input.params)
            self._line(f"_given = {{{made}}}")
        self._line(f"_s.at = {INPUT}")

    def _parts_of(self, route: Route) -> None:
        steps = self._graph.ancestors(route)
        exprs = [e for s in steps for e in (*step_inputs(s), *step_branches(s))]
        self._take({p.name for p in route.input.params}, [*exprs, route.output])

    # --- steps

    def _steps(self, wanted: Expr) -> None:
        """All steps that `wanted` takes for sure and that have not run, in topological order."""
        found: set[int] = set()
        waiting = _needs([wanted])
        while waiting:
            step = waiting.pop()
            if step not in found and step not in self._done:
                found.add(step)
                waiting += _needs(step_inputs(self._graph.steps[step]))
        for step in sorted(found):
            self._step(self._graph.steps[step])

    def _step(self, step: Step) -> None:
        self._left -= 1
        if self._left < 0:
            raise _UnfitError
        if step.id in self._maybe:
            self._unset.add(step.id)
            with self._inside(f"if _r{step.id} is _s:"):
                self._write(step)
        else:
            self._write(step)
        self._done.add(step.id)
        self._added.append(step.id)

    def _write(self, step: Step) -> None:
        match step:
            case Call():
                values = self._values([e for _, e in step.args])
                arguments = [f"{name}={value}" for (name, _), value in zip(step.args, values, strict=True)]
                node = self._graph.node(step.node)
                self._call(node, _method(node, step.method), f"_r{step.id}", arguments)
            case MapEach():
                self._map(step)
            case Switch():
                self._switch(step)
            case _:
                assert_never(step)

    def _call(self, node: Node, method: Method, into: str, arguments: Sequence[str]) -> None:
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

    def _map(self, step: MapEach) -> None:
        over, *others = self._values([step.over, *(e for _, e in step.args)], always=True)
        arguments = [f"{step.item}=_item", *(f"{n}={value}" for (n, _), value in zip(step.args, others, strict=True))]
        node = self._graph.node(step.node)
        self._line(f"_listed = list({over})")
        self._line(f"_r{step.id} = []")
        with self._branch("for _item in _listed:"):
            self._call(node, _method(node, step.method), "_x", arguments)
            self._line(f"_r{step.id}.append(_x)")

    # --- switches

    def _switch(self, step: Switch) -> None:
        if self._depth > _DEEPEST:
            raise _UnfitError
        (key,) = self._values([step.selector], always=True)
        self.names[f"_find{step.id}"] = case_finder([k for k, _ in step.cases])
        self.names[f"_step{step.id}"] = step
        self._line(f"_key = {key}")
        self._line(f"_case = _find{step.id}(_key)")
        with self._branch("if _case < 0:"):
            if step.default is None:
                self._line(f"raise _no_case(_step{step.id}, _key)")
            else:
                self._taken(step, step.default)
        if step.cases:
            with self._inside("else:"):
                self._cases(step, 0, len(step.cases))

    def _cases(self, step: Switch, first: int, end: int) -> None:
        """A search by halves: a hundred cases take seven comparisons, and Python's compiler no deep chain."""
        if end - first == 1:
            self._taken(step, step.cases[first][1])
            return
        middle = (first + end) // 2
        with self._branch(f"if _case < {middle}:"):
            self._cases(step, first, middle)
        with self._branch("else:"):
            self._cases(step, middle, end)

    def _taken(self, step: Switch, expr: Expr) -> None:
        with self._branch(""):
            self._steps(expr)
            (value,) = self._values([expr])
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


def _needs(exprs: Iterable[Expr]) -> list[int]:
    return [s.step for e in exprs for s in sources(e) if isinstance(s, Result)]


def _method(node: Node, name: str) -> Method:
    method = node.method(name)
    assert method is not None  # or the route would not fit
    return method
