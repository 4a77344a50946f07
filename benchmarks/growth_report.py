"""Growth as Markdown: what each cost does as something grows, and what is worse than linear."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.compile_growth import Cost
from benchmarks.contestants import BY_NAME as CONTESTANTS
from benchmarks.growth import CompileVerdict, Growth, Verdict, compile_verdicts, verdicts
from benchmarks.rows import Results
from benchmarks.tables import number, table

_EXPLAINED = """\
*n* is what grows: the nodes of a chain, the branches of a fan-out, the bytes of a tensor through four nodes, the
requests in flight, and the replicas of a node that is busy for 5 ms and takes no other request meanwhile. *p50* is with
one request in flight, except where those grow; *rps* with many. The exponent says how steep a cost grows between those
two neighbours where it is steepest: 1 is linear, 0 is no growth at all, 2 is the square. Above 1.1 it is called worse
than linear; more requests in flight, or more replicas, must not make a request take more of the machine's time."""
_COMPILED = """\
Commands on generated graphs, as whole processes: layers of ten nodes, each of which takes two of those before it, and a
join. The run of three that took least processor time counts, or the only one where a command is slow. What the command
takes for the smallest graph is subtracted before exponents are taken, from 100 nodes to the most."""


def growth(results: Results, points: Sequence[Mapping[str, Any]], costs: Sequence[Cost]) -> str:
    """The whole section; empty when nothing was measured."""
    found, compiled = list(verdicts(results, points)), list(compile_verdicts(costs))
    parts = []
    if found:
        parts += [_EXPLAINED, table(_HEAD, map(_line, found)), _worse([_said(v) for v in found if v.problems])]
    if compiled:
        sizes = sorted({c.nodes for c in costs})
        head = ("command", *(f"{n} nodes" for n in sizes), "exponent of time", "of memory", "")
        parts += [_COMPILED, table(head, [_compiled(v, sizes) for v in compiled])]
        parts.append(_worse([f"`meshgen {v.command}`: {', '.join(v.problems)}" for v in compiled if v.problems]))
    return "\n\n".join(parts)


_HEAD = ("what grows", "contestant", "n", "p50 ms", "exponent", "rps", "exponent of time per request", "")


def _line(verdict: Verdict) -> Sequence[str]:
    return [
        verdict.axis.name,
        CONTESTANTS[verdict.contestant].title,
        _arrows(map(verdict.axis.called, verdict.p50_ms.values)),
        _arrows(number(value) for value in verdict.p50_ms.medians.values()),
        _exponent(verdict.latency),
        _arrows(number(value) for value in verdict.rps.medians.values()),
        _exponent(verdict.work),
        "**worse than linear**" if verdict.problems else "",
    ]


def _said(verdict: Verdict) -> str:
    return f"{verdict.axis.name}, {CONTESTANTS[verdict.contestant].title}: {', '.join(verdict.problems)}"


def _compiled(verdict: CompileVerdict, sizes: Sequence[int]) -> Sequence[str]:
    by_nodes = {c.nodes: c for c in verdict.costs}
    return [
        verdict.command,
        *(_cost(by_nodes.get(n)) for n in sizes),
        _exponent(verdict.time),
        _exponent(verdict.memory),
        "**worse than linear**" if verdict.problems else "",
    ]


def _cost(cost: Cost | None) -> str:
    if cost is None:
        return ""
    return f"{number(cost.seconds)} s, {cost.peak_mb:.0f} MB" if cost.ended else f"over {cost.seconds:.0f} s"


def _worse(found: Sequence[str]) -> str:
    listed = "\n".join(f"- {each}" for each in found)
    return f"Worse than linear:\n\n{listed}" if found else "Nothing here is worse than linear."


def _exponent(growth: Growth | None) -> str:
    return "" if growth is None else f"{growth.exponent:.2f}"


def _arrows(values: Iterable[str]) -> str:
    return " → ".join(values)
