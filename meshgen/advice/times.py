"""Spans → how long each node works itself, and what its hop costs beside that."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from meshgen.advice.spans import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """The times of one node, over all of its calls in the traces."""

    calls: int
    requests: int
    """Traces with a call of it."""
    own_s: float
    """Median seconds in the node, without the calls that it makes itself."""
    hop_s: float
    """Median seconds that its callers waited beyond that: encoding, the way there and back, queues."""


def times_of(spans: Sequence[Span], graph: str, nodes: Sequence[str]) -> Mapping[str, Times]:
    """The times of those nodes that the spans tell of.

    Args:
        spans: of any number of traces, in any order.
        graph: whose nodes they are; spans of other graphs are left out.
        nodes: their names.
    """
    wanted = set(nodes)
    by_id = {(s.trace, s.id): s for s in spans}
    below: defaultdict[tuple[str, str], list[Span]] = defaultdict(list)
    for span in spans:
        below[span.trace, span.parent].append(span)
    rows: defaultdict[str, list[tuple[str, int, int]]] = defaultdict(list)
    for span in spans:
        if span.kind != "server" or span.service not in wanted or span.graph not in (graph, ""):
            continue
        caller = _caller(span, by_id)
        if caller is not None:
            own = span.took - _covered([c for c in below[span.trace, span.id] if c.kind == "client"], span)
            rows[span.service].append((span.trace, own, max(0, caller.took - span.took)))
    return {node: _times(rows[node]) for node in nodes if node in rows}


def _times(rows: Sequence[tuple[str, int, int]]) -> Times:
    return Times(
        calls=len(rows),
        requests=len({trace for trace, _, _ in rows}),
        own_s=median(own for _, own, _ in rows) / 1e9,
        hop_s=median(hop for _, _, hop in rows) / 1e9,
    )


def _caller(server: Span, by_id: Mapping[tuple[str, str], Span]) -> Span | None:
    """The client span of the call, behind those of the proxies on the way; None for a call from outside."""
    seen = {server.id}
    span = by_id.get((server.trace, server.parent))
    while span is not None and span.id not in seen:
        if span.kind == "client" and span.name == server.name:
            return span
        seen.add(span.id)
        span = by_id.get((span.trace, span.parent))
    return None


def _covered(spans: Sequence[Span], within: Span) -> int:
    """Nanoseconds of `within` in which at least one of the spans runs."""
    total, until = 0, within.start
    for span in sorted(spans, key=lambda s: s.start):
        start, end = max(span.start, until), min(span.end, within.end)
        if end > start:
            total += end - start
            until = end
    return total
