"""What a set of outputs needs, and in which order. Finds cycles."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from meshgen.errors import Diagnostic
from meshgen.frontend.bound import Bound, BoundInput, BoundNode
from meshgen.frontend.given.contents import contained
from meshgen.frontend.symbolic import ClassNode, Value


@dataclass(frozen=True, slots=True)
class Ordered:
    """The steps that the outputs need, each after those that it reads; as near to the order of writing as can be."""

    steps: tuple[Bound, ...]
    nodes: tuple[BoundNode, ...]
    """The nodes in the order in which they were bound, those reached by handles included."""
    _inputs: Mapping[int, tuple[BoundInput, ...]] = field(default_factory=dict)

    def inputs_of(self, output: Value) -> list[BoundInput]:
        """The InputNodes that an output reads, directly or not."""
        return list(self._inputs.get(id(output._meshgen_source), ()))


def in_order(outputs: Sequence[Value], problems: list[Diagnostic]) -> Ordered | None:
    """Collect and order the steps behind `outputs`; None when they form a cycle."""
    needs, cycle = _reachable(outputs)
    if cycle:
        problems.append(_cycle_problem(cycle))
        return None
    steps = _sorted(needs)
    inputs: dict[int, tuple[BoundInput, ...]] = {}
    for step in steps:
        own = [v._meshgen_source for a in step.given for v in contained(a) if isinstance(v, Value)]
        found = {id(s): s for s in own if isinstance(s, BoundInput)}
        for needed in needs[step]:
            found |= {id(i): i for i in inputs[id(needed)]}
        inputs[id(step)] = tuple(sorted(found.values(), key=lambda i: i.order))
    return Ordered(tuple(steps), tuple(_nodes(steps)), inputs)


def _reachable(outputs: Sequence[Value]) -> tuple[dict[Bound, list[Bound]], list[Bound]]:
    """What each step needs, and a cycle if there is one. No recursion: a chain may be thousands of steps long."""
    needs: dict[Bound, list[Bound]] = {}
    open_steps: dict[Bound, None] = {}
    stack: list[tuple[Bound, Iterator[Bound]]] = []

    def enter(step: Bound) -> None:
        needs[step] = list(needed_by(step))
        open_steps[step] = None
        stack.append((step, iter(needs[step])))

    for output in outputs:
        source = output._meshgen_source
        if not isinstance(source, BoundInput) and source not in needs:
            enter(source)
        while stack:
            step, rest = stack[-1]
            needed = next(rest, None)
            if needed is None:
                del open_steps[step]
                stack.pop()
            elif needed in open_steps:
                path = list(open_steps)
                return needs, path[path.index(needed) :]
            elif needed not in needs:
                enter(needed)
    return needs, []


def needed_by(step: Bound) -> Iterator[Bound]:
    """The steps whose results it reads, branches included."""
    for argument in step.given:
        for value in contained(argument):
            if isinstance(value, Value) and not isinstance(value._meshgen_source, BoundInput):
                yield value._meshgen_source


def _sorted(needs: Mapping[Bound, list[Bound]]) -> list[Bound]:
    """The steps in topological order (Kahn), the order of writing as tie-break."""
    waiting = {step: len({id(n) for n in needed}) for step, needed in needs.items()}
    users: dict[Bound, list[Bound]] = {step: [] for step in needs}
    for step, needed in needs.items():
        for one in {id(n): n for n in needed}.values():
            users[one].append(step)
    ready = [(step.order, step) for step, count in waiting.items() if count == 0]
    heapq.heapify(ready)
    result = []
    while ready:
        _, step = heapq.heappop(ready)
        result.append(step)
        for user in users[step]:
            waiting[user] -= 1
            if waiting[user] == 0:
                heapq.heappush(ready, (user.order, user))
    return result


def _nodes(steps: Sequence[Bound]) -> list[BoundNode]:
    found: dict[int, BoundNode] = {}
    waiting = [s.called[0] for s in steps if s.called is not None]
    while waiting:
        node = waiting.pop()
        if id(node) in found:
            continue
        found[id(node)] = node
        for argument in (*node.args, *node.kwargs.values()):
            waiting += [v._meshgen_node for v in contained(argument) if isinstance(v, ClassNode)]
    return sorted(found.values(), key=lambda n: n.order)


def _cycle_problem(cycle: Sequence[Bound]) -> Diagnostic:
    names = [s.name for s in (*cycle, cycle[0])]
    message = f"the graph has a cycle: {' ← '.join(names)}"
    return Diagnostic(code="MG207", message=message, span=cycle[0].span)
