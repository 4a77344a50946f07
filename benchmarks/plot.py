"""The results as a picture: requests per second of every contestant over those of Ray Serve's defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.colours import COLOURS, pyplot, save
from benchmarks.contestants import BY_NAME as CONTESTANTS
from benchmarks.rows import Results
from benchmarks.works import BY_NAME, titles

_BASE = "serve"
_SHOWN = tuple(name for name in COLOURS if name != _BASE)


def draw(results: Results, path: Path) -> bool:
    """Write an SVG; the same results give the same bytes. False when nothing can be compared."""
    from matplotlib.ticker import LogLocator, NullLocator

    works = [w for w in BY_NAME if results.ratio(w, "rps", "mesh", _BASE)]
    shown = [c for c in _SHOWN if any(results.ratio(w, "rps", c, _BASE) for w in works)]
    if not works or not shown:
        return False
    figure, axes = pyplot().subplots(figsize=(9, 1.4 + 0.45 * len(works)), layout="constrained")
    for i, contestant in enumerate(shown):
        _bars(axes, results, works, contestant, offset=(i - (len(shown) - 1) / 2) / (len(shown) + 1), count=len(shown))
    axes.set_yticks(range(len(works)), [titles()[w] for w in works])
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.margins(y=0.01)
    axes.axvline(1, color="#444444", linewidth=1)
    axes.set_xlabel(f"requests per second ÷ {CONTESTANTS[_BASE].title} (median; whiskers: least and most)")
    axes.grid(axis="x", which="major", color="#dddddd")
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    save(figure, path)
    return True


def _bars(axes: Any, results: Results, works: list[str], contestant: str, *, offset: float, count: int) -> None:
    """One bar per work, from 1 to the ratio."""
    found = [(y, ratio) for y, w in enumerate(works) if (ratio := results.ratio(w, "rps", contestant, _BASE))]
    medians = [ratio.median for _, ratio in found]
    axes.barh(
        [y + offset for y, _ in found],
        [m - 1 for m in medians],
        left=1,
        height=0.9 / (count + 1),
        color=COLOURS[contestant],
        label=CONTESTANTS[contestant].title,
        xerr=[[r.median - r.least for _, r in found], [r.most - r.median for _, r in found]],
        error_kw={"linewidth": 0.8, "ecolor": "#222222"},
    )
