"""What to say of a result that its declared type, or JSON, cannot carry: who made it, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.graph.model import Graph, Node, Route
from meshgen.graph.steps import CallingStep, Expr, Result, sources
from meshgen.naming import RESULT_FIELD
from meshgen.schema.misfit import EncodeError, describe
from meshgen.schema.model import Record, Type
from meshgen.status import Internal


def wrong_result(node: Node, type_: Type, value: object, error: EncodeError) -> Internal:
    """The error for what a node returned.

    Args:
        node: the node.
        type_: what its method declares.
        value: what it returned.
        error: what writing the value raised.
    """
    return Internal(_message([node], "", type_, value, error), node=node.name)


def wrong_answer(graph: Graph, route: Route, value: object, error: EncodeError) -> Internal:
    """The error for what a route yielded; it names the nodes that may have made it."""
    nodes = [graph.node(name) for name in dict.fromkeys(_makers(graph, route.output))]
    part = "".join(map(str, route.output.path)) if isinstance(route.output, Result) else ""
    node = nodes[0].name if len(nodes) == 1 else graph.name
    return Internal(_message(nodes, part, route.result, value, error), node=node)


def _makers(graph: Graph, expr: Expr) -> Iterator[str]:
    for source in sources(expr):
        if isinstance(source, Result):
            step = graph.steps[source.step]
            if isinstance(step, CallingStep):
                yield step.node
            for branch in step.branches:
                yield from _makers(graph, branch.expr)


def _message(nodes: list[Node], part: str, type_: Type, value: object, error: EncodeError) -> str:
    who = "node " + " or ".join(f"'{n.name}' ({n.span})" for n in nodes)
    made = f"what {who} returned" if nodes else "the answer"
    thing = f"`{part.lstrip('.')}` of {made}" if part else made
    if error.reason.endswith(f", got {describe(value)}") and (not _inside(type_, error) or isinstance(type_, Record)):
        shown = "None" if value is None else describe(value)
        lead = f"{who} returned" if nodes and not part else f"{thing} is"
        return f"{lead} {shown}, which is not {type_}{'; is a `return` missing?' if value is None and nodes else ''}"
    inside = _inside(type_, error)
    return f"in {thing}, `{inside}` {error.reason}" if inside else f"{thing} {error.reason}"


def _inside(type_: Type, error: EncodeError) -> str:
    """The path of the fault, seen from the value."""
    return error.path if isinstance(type_, Record) else error.path.removeprefix(RESULT_FIELD).lstrip("._")
