"""Graph → Diagram: what a person should see of a graph. Works without annotations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from meshgen.graph.model import Graph, InDriver, Node, Own, Route, With
from meshgen.graph.steps import Access, CallingStep, Expr, Input, Result, Step, sources
from meshgen.plan.model import Diagram, DiagramEdge, DiagramNode
from meshgen.schema.model import Type, Unknown

_INPUT = "input"
_ADAPTER = "adapter"


def diagram(graph: Graph) -> Diagram:
    """The topology: the request at the top, one answer per route at the bottom."""
    used = {step.id: step for route in graph.routes for step in graph.ancestors(route)}
    steps = tuple(used[i] for i in sorted(used))
    edges = (
        *_adapter_edges(graph),
        *(e for step in steps for e in _step_edges(graph, step)),
        *(_output_edge(graph, r, i) for i, r in enumerate(graph.routes)),
        *_handle_edges(graph, steps),
    )
    return Diagram(title=graph.name, nodes=tuple(_nodes(graph, steps)), edges=_merged(edges))


# --- boxes ---------------------------------------------------------------------------------------------------------


def _nodes(graph: Graph, steps: tuple[Step, ...]) -> Iterator[DiagramNode]:
    yield DiagramNode(id=_INPUT, label=_input_label(graph), kind="input")
    if graph.adapter is not None:
        yield DiagramNode(id=_ADAPTER, label=graph.adapter.method.name, kind="placed")
    for step in steps:
        yield DiagramNode(id=_step_id(step.id), label=_step_label(graph, step), kind=_step_kind(graph, step))
    for node in _called_only(graph, steps):
        label = node.name + _where(node)
        yield DiagramNode(id=_handle(node.name), label=label, kind=_node_kind(node))
    for index, route in enumerate(graph.routes):
        label = route.rpc if len(graph.routes) == 1 else route.path
        yield DiagramNode(id=_output(index), label=label, kind="output")


def _input_label(graph: Graph) -> str:
    if graph.adapter is None:
        records = {r.input.record.name for r in graph.routes if r.input.record is not None}
        if records:
            return " | ".join(sorted(records))
    params = [graph.adapter.method.params] if graph.adapter else [r.input.params for r in graph.routes]
    return "\n".join(dict.fromkeys(_typed(p.name, p.type) for fields in params for p in fields)) or "request"


def _step_label(graph: Graph, step: Step) -> str:
    if not isinstance(step, CallingStep):
        return "\n".join(part for part in (step.name, step.remark) if part)
    called = _called(graph, step.node, step.method)
    return "\n".join(part for part in (called, step.remark) if part) + _where(graph.node(step.node))


def _called(graph: Graph, name: str, method: str) -> str:
    node = graph.node(name)
    return name if node.kind == "function" or method == "__call__" else f"{name}.{method}"


def _where(node: Node) -> str:
    """A line of where a node with a service runs, if not in replicas of its own; inline functions say it by shape."""
    match node.placement:
        case InDriver() if node.published:
            return "\nin the driver"
        case With(node=host):
            return f"\nwith {host}"
        case _:
            return ""


def _step_kind(graph: Graph, step: Step) -> Literal["node", "placed", "switch", "map"]:
    if step.shape == "node" and isinstance(step, CallingStep):
        return _node_kind(graph.node(step.node))
    return step.shape


def _node_kind(node: Node) -> Literal["node", "placed"]:
    return "node" if isinstance(node.placement, Own) else "placed"


def _called_only(graph: Graph, steps: tuple[Step, ...]) -> tuple[Node, ...]:
    """Nodes that are reached through handles and by no step."""
    bound = {s.node for s in steps if isinstance(s, CallingStep)}
    wanted = {name for node in graph.nodes for name in node.may_call}
    return tuple(n for n in graph.nodes if n.name in wanted - bound)


# --- arrows --------------------------------------------------------------------------------------------------------


def _adapter_edges(graph: Graph) -> Iterator[DiagramEdge]:
    if graph.adapter is not None:
        yield DiagramEdge(source=_INPUT, target=_ADAPTER, label="", kind="data")


def _step_edges(graph: Graph, step: Step) -> Iterator[DiagramEdge]:
    for expr in step.inputs:
        yield from _data(graph, expr, _step_id(step.id))
    for branch in step.branches:
        for source in sources(branch.expr):
            label = ": ".join(part for part in (branch.label, _type(source.type)) if part)
            yield DiagramEdge(source=_origin(graph, source), target=_step_id(step.id), label=label, kind="branch")


def _output_edge(graph: Graph, route: Route, index: int) -> DiagramEdge:
    found = next(sources(route.output), None)
    source = _INPUT if found is None else _origin(graph, found)
    return DiagramEdge(source=source, target=_output(index), label=_type(route.result), kind="data")


def _handle_edges(graph: Graph, steps: tuple[Step, ...]) -> Iterator[DiagramEdge]:
    for node in graph.nodes:
        for other in node.may_call:
            yield DiagramEdge(
                source=_place(node.name, steps), target=_place(other, steps), label="may call", kind="may_call"
            )


def _data(graph: Graph, expr: Expr, target: str) -> Iterator[DiagramEdge]:
    for source in sources(expr):
        label = _typed(_path(source.path), source.type)
        yield DiagramEdge(source=_origin(graph, source), target=target, label=label, kind="data")


def _merged(edges: tuple[DiagramEdge, ...]) -> tuple[DiagramEdge, ...]:
    """One arrow between two boxes, with all its labels."""
    labels: dict[tuple[str, str, Literal["data", "branch", "may_call"]], list[str]] = {}
    for edge in edges:
        known = labels.setdefault((edge.source, edge.target, edge.kind), [])
        if edge.label and edge.label not in known:
            known.append(edge.label)
    return tuple(DiagramEdge(source=s, target=t, label="\n".join(ls), kind=k) for (s, t, k), ls in labels.items())


# --- names ---------------------------------------------------------------------------------------------------------


def _origin(graph: Graph, source: Input | Result) -> str:
    if isinstance(source, Result):
        return _step_id(source.step)
    return _INPUT if graph.adapter is None else _ADAPTER


def _place(name: str, steps: tuple[Step, ...]) -> str:
    """The first step of a node stands for it."""
    found = (_step_id(s.id) for s in steps if isinstance(s, CallingStep) and s.node == name)
    return next(found, _handle(name))


def _path(path: tuple[Access, ...]) -> str:
    return "".join(str(access) for access in path).removeprefix(".")


def _typed(name: str, type_: Type) -> str:
    return ": ".join(part for part in (name, _type(type_)) if part)


def _type(type_: Type) -> str:
    return "" if isinstance(type_, Unknown) and not type_.annotation else str(type_)


def _step_id(step: int) -> str:
    return f"step_{step}"


def _handle(node: str) -> str:
    return f"node_{node}"


def _output(index: int) -> str:
    return f"output_{index}"
