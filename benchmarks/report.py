"""Results as Markdown, and their place in docs/performance.md."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.contestants import BY_NAME as CONTESTANTS
from benchmarks.extras import COLD_START, COMMAND, MEMORY_DRIVER, MEMORY_NODE
from benchmarks.rows import Results, Spread
from benchmarks.targets import judged, local_overhead, memory_overhead
from benchmarks.works import titles

BEGIN = "<!-- benchmarks: written by `make bench` -->"
END = "<!-- benchmarks: end -->"
_PICTURE = "performance.svg"
_REFERENCE = "mesh"
_HEAD = ("contestant", "rps", "÷ mesh", "p50 ms", "p95 ms", "p99 ms", "CPU ms", "RSS MB", "errors")
_EXPLAINED = """\
Every answer is compared with the right one, and whatever is not OK is an error. Within a repetition each contestant is
started, warmed, measured and stopped before the next one starts, so that idle processes of one do not disturb another;
each repetition begins with another contestant. The load generator has a process of its own on the same machine.

- *rps*: with 32 requests in flight (1 MB: 8, 16 MB: 4, content understanding: 8); *p50*, *p95*, *p99*: with one in
  flight. Medians of the repetitions; in brackets the least and the most.
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
Left out: content understanding for Ray Serve and the hand-written services, where models take nearly all of the time;
HAProxy before Ray Serve, which is one more hop to the only replica; open loops with tensors; streams, which graphs do
not have yet."""


def markdown(results: Results, machine: Mapping[str, Any], points: Sequence[Mapping[str, Any]]) -> str:
    """The whole section.

    Args:
        results: the rows.
        machine: what they were measured on.
        points: of each load, as `points.json` has them.
    """
    facts = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in machine.items())
    parts = [
        f"{len(results.repetitions)} repetitions on one machine: {facts}.",
        _EXPLAINED,
        _CHOICES,
        f"![Requests per second over those of Ray Serve's defaults]({_PICTURE})",
        targets_table(results),
        open_table(points),
        *(work_table(results, work) for work in titles() if work in results.works),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def targets_table(results: Results) -> str:
    """What was to be shown, and what is."""
    lines = [
        f"| {t.work} | {t.metric.removesuffix('_ms')}: {t.above} ÷ {t.below} | {t.sign} {t.wanted:g} | "
        f"{_spread(ratio)} | {'yes' if reached else 'no'} |"
        for t, ratio, reached in judged(results)
    ]
    lines += [
        f"| {work} | µs per call that local adds to plain | ≤ 2 | {number(added)} | {'yes' if reached else 'no'} |"
        for work, added, reached in local_overhead(results)
    ]
    lines += [
        f"| {work} | MB that meshgen adds to a Serve replica | ≤ 25 | {number(added)} | {'yes' if reached else 'no'} |"
        for work, added, reached in memory_overhead(results)
    ]
    return _table(("work", "ratio", "wanted", "measured", "reached"), lines) if lines else ""


def open_table(points: Sequence[Mapping[str, Any]]) -> str:
    """Latencies of the open loops, one column per contestant."""
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for point in points:
        if point["load"] == "open":
            found.setdefault((point["work"], point["contestant"]), []).append(point)
    names = [name for name in CONTESTANTS if any(name == contestant for _, contestant in found)]
    works = [work for work in titles() if any(work == measured for measured, _ in found)]
    lines = [
        f"| {' | '.join([work, *(_open_cell(found.get((work, name), [])) for name in names)])} |" for work in works
    ]
    head = ("work", *(CONTESTANTS[name].title for name in names))
    return f"### Open loop: p50 / p99 in ms, at requests per second\n\n{_table(head, lines)}" if lines else ""


def _open_cell(points: Sequence[Mapping[str, Any]]) -> str:
    if not points:
        return ""
    p50, p99, rate = (number(median(float(p[key]) for p in points)) for key in ("p50_ms", "p99_ms", "rate"))
    return f"{p50} / {p99} at {rate}"


def work_table(results: Results, work: str) -> str:
    """One row per contestant."""
    names = [name for name in CONTESTANTS if _has(results, work, name)]
    if work in (COLD_START, COMMAND):
        table = _table(("contestant", "s", "CPU s", "RSS MB", "errors"), [_timed(results, work, n) for n in names])
    elif work in (MEMORY_DRIVER, MEMORY_NODE):
        table = _table(("contestant", "RSS MB"), [_weighed(results, work, n) for n in names])
    else:
        table = _table(_HEAD, [_line(results, work, n) for n in names])
    return f"### {_heading(work)} (`{work}`)\n\n{table}"


def _heading(work: str) -> str:
    title = titles()[work]
    return title[0].upper() + title[1:]


def _has(results: Results, work: str, contestant: str) -> bool:
    return any((r.work, r.contestant) == (work, contestant) for r in results.rows)


def _line(results: Results, work: str, name: str) -> str:
    rps = results.spread(work, name, "rps")
    ratio = results.ratio(work, "rps", name, _REFERENCE) if name != _REFERENCE else None
    metrics = ("p50_ms", "p95_ms", "p99_ms", "cpu_ms_per_request", "peak_rss_mb")
    medians = [_median(results, work, name, metric) for metric in metrics]
    cells = [CONTESTANTS[name].title, _spread(rps), _spread(ratio), *medians, str(results.errors(work, name))]
    return f"| {' | '.join(cells)} |"


def _timed(results: Results, work: str, name: str) -> str:
    cells = [
        CONTESTANTS[name].title,
        _spread(_seconds(results.spread(work, name, "p50_ms"))),
        _spread(_seconds(results.spread(work, name, "cpu_ms_per_request"))),
        _median(results, work, name, "peak_rss_mb"),
        str(results.errors(work, name)),
    ]
    return f"| {' | '.join(cells)} |"


def _weighed(results: Results, work: str, name: str) -> str:
    return f"| {CONTESTANTS[name].title} | {_spread(results.spread(work, name, 'peak_rss_mb'))} |"


def _seconds(spread: Spread | None) -> Spread | None:
    return None if spread is None else Spread(spread.median / 1e3, spread.least / 1e3, spread.most / 1e3)


def _median(results: Results, work: str, name: str, metric: str) -> str:
    spread = results.spread(work, name, metric)
    return "" if spread is None else number(spread.median)


def _spread(spread: Spread | None) -> str:
    return "" if spread is None else f"{number(spread.median)} ({number(spread.least)} to {number(spread.most)})"


def number(value: float) -> str:
    """Three significant digits, never in powers of ten."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}"


def _table(head: tuple[str, ...], lines: list[str]) -> str:
    rule = "|".join(["---", *("---:" for _ in head[1:])])
    return "\n".join([f"| {' | '.join(head)} |", f"|{rule}|", *lines])


def put(path: Path, body: str) -> None:
    """Write between our two marks; what others wrote on the page stays."""
    page = path.read_text(encoding="utf-8") if path.exists() else "# Performance\n"
    section = f"{BEGIN}\n\n{body.strip()}\n\n{END}"
    before, found, rest = page.partition(BEGIN)
    after = rest.partition(END)[2] if found else "\n"
    before = before if found else f"{page.rstrip()}\n\n## Benchmarks\n\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(before + section + after, encoding="utf-8")
