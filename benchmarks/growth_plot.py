"""Growth as a picture: a row for each thing that grows, throughput on the left and latency on the right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.colours import COLOURS, MARKERS, OTHERS, pyplot, save
from benchmarks.compile_growth import COMMANDS, Cost
from benchmarks.contestants import BY_NAME as CONTESTANTS
from benchmarks.growth import AXES, SHOWN, Axis, Line, Metric, lines
from benchmarks.rows import Results

_METRICS: Mapping[Metric, str] = {"rps": "requests per second", "p50_ms": "p50 in ms"}


def draw(results: Results, points: Sequence[Mapping[str, Any]], costs: Sequence[Cost], path: Path) -> bool:
    """Write an SVG; the same results give the same bytes. False when there is nothing to draw."""
    axes = [axis for axis in AXES if lines(axis, "rps", results, points)]
    rows = len(axes) + bool(costs)
    if not rows:
        return False
    figure, grid = pyplot().subplots(rows, 2, figsize=(9.5, 2.7 * rows + 0.5), layout="constrained", squeeze=False)
    for row, axis in zip(grid, axes, strict=False):
        for panel, metric in zip(row, _METRICS, strict=True):
            _panel(panel, axis, metric, lines(axis, metric, results, points))
    shown = {handle.get_label(): handle for row in grid for panel in row for handle in panel.get_lines()}
    titles = [CONTESTANTS[name].title for name in SHOWN if CONTESTANTS[name].title in shown]
    if titles:
        figure.legend([shown[t] for t in titles], titles, loc="outside upper center", ncols=2, frameon=False)
    if costs:
        _compile(grid[-1], costs)
    save(figure, path)
    return True


def _panel(panel: Any, axis: Axis, metric: Metric, found: Sequence[Line]) -> None:
    for line in found:
        medians, spreads = list(line.medians.values()), line.values.values()
        panel.errorbar(
            list(line.values),
            medians,
            yerr=[[s.median - s.least for s in spreads], [s.most - s.median for s in spreads]],
            color=COLOURS[line.contestant],
            elinewidth=0.8,
            capsize=2,
        )
        _curve(panel, list(line.values), medians, COLOURS[line.contestant], MARKERS[line.contestant],
               CONTESTANTS[line.contestant].title)  # fmt: skip
    _logarithmic(panel, {x: axis.called(x) for line in found for x in line.values})
    panel.set_xlabel(axis.label)
    panel.set_title(_METRICS[metric], loc="left", fontsize=10)


def _compile(row: Any, costs: Sequence[Cost]) -> None:
    """Seconds on the left, memory on the right, a curve per command."""
    for panel, title, value in zip(row, ("seconds", "peak MB"), ("seconds", "peak_mb"), strict=True):
        for command, colour, marker in zip(COMMANDS, OTHERS, "osX^", strict=True):
            own = [c for c in costs if c.command == command and c.ended]
            measured = [getattr(c, value) for c in own]
            _curve(panel, [c.nodes for c in own], measured, colour, marker, f"meshgen {command}")
        _logarithmic(panel, {c.nodes: f"{c.nodes}" for c in costs})
        panel.set_xlabel("nodes of a generated graph")
        panel.set_title(title, loc="left", fontsize=10)
    row[0].legend(frameon=False, fontsize=9)


def _curve(panel: Any, xs: Sequence[float], ys: Sequence[float], colour: str, marker: str, label: str) -> None:
    panel.plot(xs, ys, color=colour, marker=marker, markersize=5, linewidth=1.6, label=label)


def _logarithmic(panel: Any, ticks: Mapping[float, str]) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter, NullLocator

    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.set_xticks(list(ticks), list(ticks.values()))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    panel.yaxis.set_major_formatter("{x:g}")
    panel.yaxis.set_minor_formatter(NullFormatter())
    panel.grid(color="#dddddd", linewidth=0.6)
    panel.set_axisbelow(True)
