"""What must hold of placements: hosts that exist and are processes, options that can apply, no waiting for oneself."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.errors import Diagnostic, near_match_hint
from meshgen.graph.model import Graph, InDriver, Node, Own, With
from meshgen.graph.options import serve_options


def hosts_exist(graph: Graph) -> Iterator[Diagnostic]:
    """A node is placed with another one that has replicas of its own; an inline function stays in the driver."""
    for node in graph.nodes:
        match node.placement:
            case InDriver():
                continue
            case placement if not node.published:
                message = f"'{node.name}' is inline, so it is in the driver and not placed \"{placement}\""
                yield _error(node, message, "Leave `placement` out, or use `@deployment`.")
            case With(node=name) if fault := _host_fault(graph, node, name):
                yield _error(node, *fault)


def options_apply(graph: Graph) -> Iterator[Diagnostic]:
    """A node without replicas of its own has no options of replicas."""
    for node in graph.nodes:
        if isinstance(node.placement, Own):
            continue
        idle = sorted(node.options.serve.keys() - serve_options("guest" if node.published else "inline"))
        if idle:
            where = "in the driver" if isinstance(node.placement, InDriver) else f"in the replicas of {_host(node)}"
            how = "is placed" if node.published else "is inline and runs"
            message = f"'{node.name}' {how} {where}; `{', '.join(idle)}` cannot apply to it"
            way = "Leave `placement` out" if node.published else "Use `@deployment`"
            hint = f"{way} when the {node.kind} needs replicas or resources of its own."
            yield Diagnostic(code="MG222", message=message, span=node.options.place(idle[0], node.span), hint=hint)


def processes_acyclic(graph: Graph) -> Iterator[Diagnostic]:
    """No call by handles leads back into a process that waits for it, since that may have no slot left for it.

    The driver waits for every node, so nothing in other processes may call into it.
    """
    for node in graph.nodes:
        for name in node.may_call:
            if name not in graph.by_name:
                continue
            target = graph.node(name)
            here, there = node.host, target.host
            placed = [n for n in (target, node) if not isinstance(n.placement, Own)]
            if here == there or not placed:
                continue
            if there is None:
                message = f"'{name}' is placed in the driver, but '{node.name}', for which the driver waits, calls it"
                hint = f"Write `placement=\"with:{here}\"` for '{name}', or leave it out."
                yield _error(target, message, hint)
            elif here is not None and here in _reached(graph, there):
                message = (
                    f"'{node.name}' calls '{name}', which leads back into the replicas of '{here}' that wait for it"
                )
                yield _error(placed[0], message, f"Leave `placement` out for '{placed[0].name}'.")


def _host_fault(graph: Graph, node: Node, name: str) -> tuple[str, str] | None:
    """What is wrong with a host, and the way out."""
    host = graph.by_name.get(name)
    if name == node.name:
        return f"'{name}' is placed with itself", "Leave `placement` out."
    if host is None:
        names = [n.name for n in graph.services]
        hint = near_match_hint(name, names, f"There are: {', '.join(names)}.", shown='"with:{}"')
        return f"'{node.name}' is placed with '{name}', which is no node of the graph", hint
    if host.placement == With(node.name):
        return f"'{node.name}' and '{name}' are placed with each other", "Leave `placement` out for one of them."
    if not isinstance(host.placement, Own):
        message = f"'{node.name}' is placed with '{name}', which is placed \"{host.placement}\" itself"
        return message, f'Write `placement="{host.placement}"`.'
    return None


def _reached(graph: Graph, start: str) -> set[str]:
    """The processes that calls by handles from one lead to, itself left out unless they lead back."""
    edges: dict[str | None, set[str | None]] = {}
    for node in graph.nodes:
        targets = {graph.node(t).host for t in node.may_call if t in graph.by_name}
        edges.setdefault(node.host, set()).update(targets - {node.host})
    found: set[str] = set()
    waiting = list(edges.get(start, ()))
    while waiting:
        process = waiting.pop()
        if process is not None and process not in found:
            found.add(process)
            waiting += edges.get(process, ())
    return found


def _host(node: Node) -> str:
    return f"'{node.placement.node}'" if isinstance(node.placement, With) else "the driver"


def _error(node: Node, message: str, hint: str) -> Diagnostic:
    return Diagnostic(code="MG511", message=message, span=node.options.place("placement", node.span), hint=hint)
