"""What to write where an input has no type: the types of those that take it."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.graph.model import Graph, Route
from meshgen.graph.steps import Access, CallingStep, Input
from meshgen.schema.model import Type, Unknown


def untyped_input_hint(graph: Graph, route: Route) -> str:
    """`Write `InputNode(int)`.`; empty when the request has a type, or is what an adapter takes."""
    declared = graph.request(route)
    if graph.adapter is not None or not declared.whole or declared.params[0].type != Unknown():
        return ""
    found = {path: str(type_) for path, type_ in _taken(graph, route) if not isinstance(type_, Unknown)}
    if () in found:
        return f"Write `InputNode({found[()]})`: that is what takes it."
    parts = {path[0].key: text for path, text in found.items() if len(path) == 1}
    if parts and [*parts] == [*range(len(parts))]:
        return f"Write `InputNode({', '.join(parts.values())})`: that is what takes its parts."
    if parts and all(isinstance(key, str) for key in parts):
        return (
            f"Write `InputNode({', '.join(f'{key}={text}' for key, text in parts.items())})`: its parts are so taken."
        )
    return "Write its type: `InputNode(Request)`, with a dataclass, or `InputNode(a=int, b=str)`."


def _taken(graph: Graph, route: Route) -> Iterator[tuple[tuple[Access, ...], Type]]:
    """Each use of the input by a parameter: which part, and of what type."""
    for step in graph.ancestors(route):
        method = graph.node(step.node).method(step.method) if isinstance(step, CallingStep) else None
        for name, expr in step.args if isinstance(step, CallingStep) else ():
            param = None if method is None else method.param(name)
            if isinstance(expr, Input) and param is not None:
                yield expr.path[1:], param.type
