"""What a graph is, as hashes: its structure, the code of each node, and all that a replica is made from.

A hash is the same in every process on every machine with the same sources: it knows no absolute paths, no order of
sets, no comments and no layout. Code is what `reach` finds from a node's class or function and its constructor's
arguments. Arguments count by value, since their source text says too little: three nodes may come out of one loop.
So a graph is loaded before anything can be said of it; that is cheap for who has it anyway, the compiler and
`meshgen run`, and Serve, too, imports what it deploys. Of files that code reads as data nothing is known here.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from meshgen.graph.model import Graph, GraphInput, Method, Node, Own
from meshgen.graph.reach.sources import Project
from meshgen.graph.reach.values import Values, holds_state
from meshgen.graph.reach.walk import Reach
from meshgen.schema.model import Type


@dataclass(frozen=True, slots=True)
class WholeFile:
    """A module of which all counts, with all that it imports, because its source does not say what is used."""

    module: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeIdentity:
    """What code is, in short."""

    hash: str
    whole_files: tuple[WholeFile, ...]
    """Where the hash changes more often than the code that is used; sorted by module."""


def structure(graph: Graph) -> str:
    """The hash of which steps there are and what they are given; neither of code nor of contracts.

    A run that was begun on one graph can go on on another of the same structure.
    """
    adapter = graph.adapter and [_signature(graph.adapter.method), graph.adapter.record and graph.adapter.record.name]
    routes = [[r.path, r.rpc, _input(r.input), _compared(r.output, _ASIDE)] for r in graph.routes]
    project = Project()
    values = Values(project, _roots(graph, project, _modules(graph)), None, ())
    return _hash([values.text([graph.name, adapter, routes, _compared(graph.steps, _ASIDE)])])


def code(graph: Graph, node: str) -> CodeIdentity:
    """The hash of a node's class or function, its constructor's arguments, and what both reach."""
    found = _Code(graph)
    found.add(_made_from(graph.node(node)))
    return found.identity()


def replica(graph: Graph, host: str | None) -> CodeIdentity:
    """The hash of all that a replica is made from, its contract aside.

    That is the code of the nodes in it, and for others that it calls what it must know of them, but not their code. The
    driver's has the structure of the graph, too. Options that Serve changes in a running replica are left out.

    Args:
        graph: the graph.
        host: the node whose replica it is; None for the driver.
    """
    found = _Code(graph)
    inside = _inside(graph, host)
    for node in inside:
        found.add([_inner(node), _made_from(node)])
    for node in _called(graph, host):
        found.add([_outer(node), list(_classes(node.methods))])
    if host is None:
        found.add([_compared(graph.steps), _compared(graph.routes), list(_classes(graph.routes))])
        if graph.adapter is not None:
            found.add([_signature(graph.adapter.method), graph.adapter.target, list(_classes(graph.adapter))])
    return found.identity()


def spoken(graph: Graph, host: str | None) -> tuple[str | None, ...]:
    """Whose contracts a replica speaks: of what runs in it and of what it calls. None is the driver's.

    Args:
        graph: the graph.
        host: the node whose replica it is; None for the driver.
    """
    nodes = {node.name for node in (*_inside(graph, host), *_called(graph, host)) if node.published}
    return (*(() if host else (None,)), *sorted(nodes))


def _inside(graph: Graph, host: str | None) -> tuple[Node, ...]:
    return (*(() if host is None else (graph.node(host),)), *graph.guests(host))


def _called(graph: Graph, host: str | None) -> tuple[Node, ...]:
    inside = _inside(graph, host)
    names = {name for node in inside for name in node.may_call}
    if host is None:
        names |= {step.node for step in graph.steps if hasattr(step, "node")}  # a switch calls none
    return tuple(graph.node(name) for name in sorted(names - {node.name for node in inside}))


class _Code:
    """Gathers what counts for one identity."""

    def __init__(self, graph: Graph) -> None:
        project = Project()
        # A replica imports the graph's module, whichever module its node is in.
        self._modules = _modules(graph)
        self._reach = Reach(project)
        self._values = Values(project, _roots(graph, project, self._modules), self._reach, self._modules)
        self._texts: list[str] = []

    def add(self, value: Any) -> None:
        """A value, with the code that it is made of."""
        self._texts.append(self._values.text(value))

    def identity(self) -> CodeIdentity:
        """All of it."""
        self._reach.add_effects(self._modules, holds_state)
        whole = tuple(WholeFile(module, reason) for module, reason in sorted(self._reach.whole.items()))
        return CodeIdentity(hash=_hash([*self._texts, *self._reach.lines()]), whole_files=whole)


def _modules(graph: Graph) -> tuple[str, ...]:
    """Where the graph is written: the module that was loaded, and that of its `DAGDriver.bind`."""
    path = graph.source.rpartition(":")[0]
    named = ".".join(Path(path).with_suffix("").parts)
    files = {str(Path(path).absolute()), graph.span.file}
    # Not by getattr, on which lazy modules would load.
    by_file = (name for name, m in list(sys.modules.items()) if getattr(m, "__dict__", {}).get("__file__") in files)
    return tuple(sorted({*by_file, *([named] if named in sys.modules else ())} - {"__main__"}))


def _roots(graph: Graph, project: Project, modules: tuple[str, ...]) -> list[Path]:
    """The folders that the graph's code is imported from."""
    named = {*modules, *(node.target.__module__ for node in graph.nodes)}
    return [root for module in named if (root := project.root(module)) is not None]


def _hash(texts: list[str]) -> str:
    digests = b"".join(hashlib.sha256(text.encode(errors="surrogatepass")).digest() for text in texts)
    return hashlib.sha256(digests).hexdigest()


# --- what counts ---------------------------------------------------------------------------------------------------


def _made_from(node: Node) -> list[Any]:
    return [node.target, list(node.args), dict(node.kwargs)]


def _inner(node: Node) -> list[Any]:
    """A node to the replica that it runs in."""
    # The slots of a replica's own node are Serve's, those of others are ours.
    slots = None if isinstance(node.placement, Own) else node.options.max_ongoing_requests
    facts = [node.name, node.kind, str(node.placement), node.published, list(node.may_call)]
    return [*facts, node.options.policy.timeout_s, slots, [_signature(m) for m in node.methods]]


def _outer(node: Node) -> list[Any]:
    """A node to those who call it in another process."""
    policy = node.options.policy
    return [node.name, node.host, policy.timeout_s, policy.idempotent, [_signature(m) for m in node.methods]]


def _signature(method: Method) -> list[Any]:
    params = [[p.name, str(p.type), p.has_default] for p in method.params]
    return [method.name, method.rpc, method.is_async, params, str(method.result)]


def _input(given: GraphInput) -> list[Any]:
    params = [[p.name, str(p.type), p.has_default] for p in given.params]
    return [params, given.record and given.record.name, given.whole]


_ASIDE = frozenset({"type", "result", "max_concurrency", "policy"})
"""What no structure is made of: types, which are the contract's, and how a step is done. All else that a step has
counts, so that a new kind of step, or a new field of one, is not forgotten."""


def _compared(value: Any, aside: frozenset[str] = frozenset()) -> Any:
    """The graph's own data by the fields that make two of them differ; what users gave stays as it is."""
    if isinstance(value, Type):
        return str(value)
    if isinstance(value, tuple):
        return tuple(_compared(item, aside) for item in value)
    if _is_ours(value):
        compared = sorted(f.name for f in fields(value) if f.compare and f.name not in aside)
        return [type(value).__name__, *([name, _compared(getattr(value, name), aside)] for name in compared)]
    return value


def _classes(value: Any) -> Iterator[Any]:
    """The user's classes in types: whoever reads or writes values of them runs their code."""
    if isinstance(value, tuple):
        for item in value:
            yield from _classes(item)
    elif _is_ours(value):
        for each in fields(value):
            if each.name == "python":
                yield value.python
            elif each.compare:
                yield from _classes(getattr(value, each.name))


def _is_ours(value: Any) -> bool:
    return is_dataclass(value) and type(value).__module__.partition(".")[0] == __name__.partition(".")[0]
