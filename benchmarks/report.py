"""Results of the works as Markdown: targets, open loops, a table for each work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from benchmarks.contestants import BY_NAME as CONTESTANTS
from benchmarks.extras import COLD_START, COMMAND, MEMORY_DRIVER, MEMORY_NODE
from benchmarks.rows import Results, Spread
from benchmarks.tables import number, spread, table
from benchmarks.targets import (
    BIG,
    BIG_MS,
    LOCAL_US_PER_CALL,
    MEMORY_MB,
    big_added,
    judged,
    local_cost,
    local_overhead,
    memory_overhead,
)
from benchmarks.works import titles

_REFERENCE = "mesh"
_HEAD = ("contestant", "rps", "÷ mesh", "p50 ms", "p95 ms", "p99 ms", "CPU ms", "RSS MB", "errors")
_EXPLAINED = """\
Every answer is compared with the right one, and whatever is not OK is an error. Within a repetition each contestant is
started, warmed, measured and stopped before the next one starts, so that idle processes of one do not disturb another;
each repetition begins with another contestant. The load generator has a process of its own on the same machine.

- *rps*: with 32 requests in flight (diamond, 1 MB and content understanding: 8, 16 MB: 4, beside 16 MB: 1); *p50*,
  *p95*, *p99*: with one in flight. Medians of the repetitions; in brackets the least and the most.
- *÷ mesh*: a contestant's rps over that of the mesh in the same repetition.
- *CPU*: of all processes of the contestant, Ray's included and the generator's not, per request with many in flight.
  *RSS*: the peak of their sum, in which shared pages count once per process.
- In process, calls come one after the other.
- *Cold start*: from the launch of the first process to the first right answer of a chain of 4, with the services of
  all works. Replicas are weighed then.
- *Open loop*: requests at a fixed rate, half of what the contestant has just done in the closed loop; latencies from
  the moment a request was due.

The raw numbers are in `benchmarks/results/latest.json`, those of each load in `points.json` beside it."""
_CHOICES = """\
Nodes are `async` in mesh and Ray Serve, which spares them a thread, and have `max_ongoing_requests=100`; Ray runs
without its dashboard; everything listens on 127.0.0.1; both Envoys are the same binary with as many workers; the
hand-written services are one process per node, as in a mesh. The echo is answered in front, without a call to a node.
*Nodes in the driver* is the same graph with `.options(placement="driver")` on every node.
Left out: content understanding for Ray Serve and the hand-written services, where models take nearly all of the time;
HAProxy before Ray Serve, which is one more hop to the only replica; open loops with tensors; streams, which graphs do
not have yet."""


def facts(results: Results, machine: Mapping[str, Any]) -> str:
    """How often, and on what."""
    on = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in machine.items())
    return f"{len(results.repetitions)} repetitions on one machine: {on}."


def works(results: Results, points: Sequence[Mapping[str, Any]]) -> str:
    """What the columns mean, and a table for each work.

    Args:
        results: the rows.
        points: of each load, as `points.json` has them.
    """
    tables = (work_table(results, work) for work in titles() if work in results.works)
    return "\n\n".join(part for part in (_EXPLAINED, _CHOICES, open_table(points), *tables) if part)


def targets_table(results: Results) -> str:
    """What was to be shown, and what is."""
    lines: list[tuple[str, ...]] = [
        (t.work, t.words, f"{t.sign} {t.wanted:g}", spread(ratio), _yes(reached))
        for t, ratio, reached in judged(results)
    ]  # fmt: skip
    if (big := big_added(results)) is not None:
        added, reached = big
        words = "ms of p50 that three more nodes add to one"
        lines.append((BIG, words, f"≤ {BIG_MS:g}", spread(added), _yes(reached)))
    lines += _local_lines(results)
    lines += [
        (work, "MB that meshgen adds to a Serve replica", f"≤ {MEMORY_MB:g}", number(added), _yes(reached))
        for work, added, reached in memory_overhead(results)
    ]
    return table(("work", "", "wanted", "measured", "reached"), lines) if lines else ""


def _local_lines(results: Results) -> Iterator[tuple[str, ...]]:
    if (cost := local_cost(results)) is not None:
        wanted = f"≤ {LOCAL_US_PER_CALL:g}"
        yield "chain1, chain10", "µs that local adds per call", wanted, spread(cost.per_call), _yes(cost.reached)
        yield "chain1, chain10", "µs that local adds per request besides", "", spread(cost.per_request), ""
    for work, added in local_overhead(results):
        yield work, "µs per call that local adds, the request's share included", "", spread(added), ""


def _yes(reached: bool) -> str:
    return "yes" if reached else "no"


def open_table(points: Sequence[Mapping[str, Any]]) -> str:
    """Latencies of the open loops, one column per contestant."""
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for point in points:
        if point["load"] == "open":
            found.setdefault((point["work"], point["contestant"]), []).append(point)
    names = [name for name in CONTESTANTS if any(name == contestant for _, contestant in found)]
    asked = [work for work in titles() if any(work == measured for measured, _ in found)]
    lines = [[work, *(_open_cell(found.get((work, name), [])) for name in names)] for work in asked]
    head = ("work", *(CONTESTANTS[name].title for name in names))
    return f"### Open loop: p50 / p99 in ms, at requests per second\n\n{table(head, lines)}" if lines else ""


def _open_cell(points: Sequence[Mapping[str, Any]]) -> str:
    if not points:
        return ""
    p50, p99, rate = (number(median(float(p[key]) for p in points)) for key in ("p50_ms", "p99_ms", "rate"))
    return f"{p50} / {p99} at {rate}"


def work_table(results: Results, work: str) -> str:
    """One row per contestant."""
    names = [name for name in CONTESTANTS if any((r.work, r.contestant) == (work, name) for r in results.rows)]
    if work in (COLD_START, COMMAND):
        text = table(("contestant", "s", "CPU s", "RSS MB", "errors"), [_timed(results, work, n) for n in names])
    elif work in (MEMORY_DRIVER, MEMORY_NODE):
        text = table(("contestant", "RSS MB"), [_weighed(results, work, n) for n in names])
    else:
        text = table(_HEAD, [_line(results, work, n) for n in names])
    title = titles()[work]
    return f"### {title[0].upper()}{title[1:]} (`{work}`)\n\n{text}"


def _line(results: Results, work: str, name: str) -> Sequence[str]:
    rps = results.spread(work, name, "rps")
    ratio = results.ratio(work, "rps", name, _REFERENCE) if name != _REFERENCE else None
    metrics = ("p50_ms", "p95_ms", "p99_ms", "cpu_ms_per_request", "peak_rss_mb")
    medians = [_median(results, work, name, metric) for metric in metrics]
    return [CONTESTANTS[name].title, spread(rps), spread(ratio), *medians, str(results.errors(work, name))]


def _timed(results: Results, work: str, name: str) -> Sequence[str]:
    return [
        CONTESTANTS[name].title,
        spread(_seconds(results.spread(work, name, "p50_ms"))),
        spread(_seconds(results.spread(work, name, "cpu_ms_per_request"))),
        _median(results, work, name, "peak_rss_mb"),
        str(results.errors(work, name)),
    ]


def _weighed(results: Results, work: str, name: str) -> Sequence[str]:
    return [CONTESTANTS[name].title, spread(results.spread(work, name, "peak_rss_mb"))]


def _seconds(values: Spread | None) -> Spread | None:
    return None if values is None else Spread(values.median / 1e3, values.least / 1e3, values.most / 1e3)


def _median(results: Results, work: str, name: str, metric: str) -> str:
    values = results.spread(work, name, metric)
    return "" if values is None else number(values.median)
