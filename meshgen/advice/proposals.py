"""Times of nodes → where to place them, and why others had better stay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from meshgen.advice.times import Times
from meshgen.graph.model import Graph, InDriver, Node, Own, Placement, With
from meshgen.graph.options import serve_options
from meshgen.graph.placement import hosts_exist, processes_acyclic

CHEAP_S = 0.005
"""Seconds of own work; more would hold up what else runs in the host."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What to do with one node."""

    node: Node
    times: Times | None
    """None when no trace tells of it."""
    placement: Placement | None = None
    """Where to place it; None to leave it where it is."""
    reason: str = ""
    """Why it stays."""
    notes: tuple[str, ...] = ()
    """What to think of before following."""

    @property
    def line(self) -> str:
        """What to write."""
        explicit = "" if self.node.kind == "function" else f'name="{self.node.name}", '
        return f'{self.node.target.__name__}.options({explicit}placement="{self.placement}")'

    @property
    def saved_s(self) -> float:
        """Seconds of calls that a request need not make, in the middle."""
        return 0.0 if self.times is None else self.times.hop_s * self.times.calls / self.times.requests


def advise(graph: Graph, times: Mapping[str, Times]) -> tuple[Advice, ...]:
    """What to do with each node that has a service; placements are compatible with each other."""
    found = []
    for node in graph.services:
        advice = _advice(graph, node, times.get(node.name))
        if advice.placement is not None:
            graph = _with(graph, node, advice.placement)
        found.append(advice)
    return tuple(found)


def _advice(graph: Graph, node: Node, times: Times | None) -> Advice:
    reason = _stays(graph, node, times)
    if reason or times is None:
        return Advice(node=node, times=times, reason=reason or "no trace has a call of it")
    placement = _best_place(graph, node)
    if placement is None:
        return Advice(node=node, times=times, reason="it is called by handles from more than one process")
    return Advice(node=node, times=times, placement=placement, notes=tuple(_notes(node, placement)))


def _stays(graph: Graph, node: Node, times: Times | None) -> str:
    """Why a node stays where it is; empty when it might move."""
    if not isinstance(node.placement, Own):
        return f'it is placed "{node.placement}" already'
    if guests := graph.guests(node.name):
        return f"{', '.join(n.name for n in guests)}: placed with it"
    if replica_options := sorted(node.options.serve.keys() - serve_options("guest")):
        return f"it has options of its own replicas: {', '.join(replica_options)}"
    if times is not None and times.own_s > CHEAP_S:
        return "it works too long to share a process"
    if times is not None and times.own_s > times.hop_s:
        return "its hop is short beside its own work"
    return ""


def _best_place(graph: Graph, node: Node) -> Placement | None:
    """With the driver; or with the node that calls it by a handle, which the driver waits for."""
    holders = (n for n in graph.nodes if node.name in n.may_call)
    places: tuple[Placement, ...] = (InDriver(), *(With(n.name) for n in holders if isinstance(n.placement, Own)))
    return next((p for p in places if _is_sound(_with(graph, node, p))), None)


def _is_sound(graph: Graph) -> bool:
    return not any(True for rule in (hosts_exist, processes_acyclic) for _ in rule(graph))


def _with(graph: Graph, node: Node, placement: Placement) -> Graph:
    nodes = (replace(n, placement=placement) if n.name == node.name else n for n in graph.nodes)
    return replace(graph, nodes=tuple(nodes))


def _notes(node: Node, placement: Placement) -> Iterator[str]:
    host = f"'{placement.node}'" if isinstance(placement, With) else "the driver"
    if node.kind == "class" and (node.args or node.kwargs):
        yield f"its constructor then runs in each replica of {host}: leave it where it is if that loads a model"
    elif node.kind == "class":
        yield f"what it keeps in memory is then kept by each replica of {host}"
    if not all(m.is_async for m in node.methods):
        yield f"its sync code then runs in threads of {host}, and shares Python's lock with what else runs there"
