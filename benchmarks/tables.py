"""Markdown tables, and numbers in them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from benchmarks.rows import Spread


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """The first column on the left, the others on the right."""
    rule = "|".join(["---", *("---:" for _ in head[1:])])
    return "\n".join([f"| {' | '.join(head)} |", f"|{rule}|", *(f"| {' | '.join(cells)} |" for cells in lines)])


def number(value: float) -> str:
    """Three significant digits, never in powers of ten."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}"


def spread(values: Spread | None) -> str:
    """The median, and in brackets the least and the most; nothing for None."""
    return "" if values is None else f"{number(values.median)} ({number(values.least)} to {number(values.most)})"
