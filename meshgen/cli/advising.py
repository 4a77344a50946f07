"""`meshgen advise`: a graph and a trace file → a table of its nodes, and the lines to write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from meshgen.advice.proposals import Advice, advise
from meshgen.advice.spans import read_spans
from meshgen.advice.times import times_of
from meshgen.errors import MeshgenError
from meshgen.frontend import load_graph
from meshgen.graph.model import Graph


def advise_on(target: str, trace: Path, write: Callable[[str], None]) -> None:
    """Say what the traces tell of a graph.

    Raises:
        GraphError: the graph has problems.
        MeshgenError: the file has no spans of it.
    """
    graph = load_graph(target).graph
    times = times_of(read_spans(trace), graph.name, [node.name for node in graph.services])
    if not times:
        raise MeshgenError(f"{trace} has no calls of the nodes of '{graph.name}'")
    found = advise(graph, times)
    for line in (*_table(found), "", *_proposals(graph, found)):
        write(line)


def _table(found: Sequence[Advice]) -> list[str]:
    rows = [("node", "calls", "own ms", "hop ms", "advice"), *map(_row, found)]
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    return ["  ".join((r[0].ljust(widths[0]), *(r[i].rjust(widths[i]) for i in (1, 2, 3)), r[4])) for r in rows]


def _row(advice: Advice) -> tuple[str, str, str, str, str]:
    times = advice.times
    numbers = ("0", "", "") if times is None else (str(times.calls), _ms(times.own_s), _ms(times.hop_s))
    return (advice.node.name, *numbers, f'placement="{advice.placement}"' if advice.placement else advice.reason)


def _proposals(graph: Graph, found: Sequence[Advice]) -> list[str]:
    proposed = [advice for advice in found if advice.placement is not None]
    lines = []
    for advice in proposed:
        assert advice.times is not None
        number = f"{advice.times.calls / advice.times.requests:.3g}"
        calls = "1 call" if number == "1" else f"{number} calls"
        lines += [f"{advice.node.span}: {advice.line}"]
        lines += [f"  saves about {_ms(advice.saved_s)} ms of each request that calls it ({calls})"]
        lines += [f"  note: {note}" for note in advice.notes]
    return lines or [f"every node of '{graph.name}' had better stay where it is"]


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.3f}"
