"""Rows of results, and what several repetitions say together: medians, spreads, ratios."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One contestant at one work in one repetition."""

    work: str
    contestant: str
    repetition: int
    rps: float
    """With many requests in flight (for calls in process: one after the other)."""
    p50_ms: float
    """This and the next two: with one request in flight."""
    p95_ms: float
    p99_ms: float
    cpu_ms_per_request: float
    """Of all its processes, with many in flight."""
    peak_rss_mb: float
    errors: int
    """Of all loads of the work, those of the warm-up included."""


def row(work: str, contestant: str, repetition: int, points: Mapping[str, Mapping[str, Any]]) -> Row:
    """The loads of one work as one row; a contestant without a load for many has that for one in its place.

    Args:
        work: its name.
        contestant: its name.
        repetition: from 1.
        points: reports by load: `warm`, `one`, `many`, `open`.
    """
    one = points["one"]
    many = points.get("many", one)
    return Row(
        work=work,
        contestant=contestant,
        repetition=repetition,
        rps=round(many["rps"], 3),
        p50_ms=shortened(one["p50_ms"]),
        p95_ms=shortened(one["p95_ms"]),
        p99_ms=shortened(one["p99_ms"]),
        cpu_ms_per_request=shortened(many["cpu_ms_per_request"]),
        peak_rss_mb=round(max(p["peak_rss_mb"] for p in points.values()), 1),
        errors=sum(p["errors"] for p in points.values()),
    )


def failed(work: str, contestant: str, repetition: int, errors: int = 1) -> Row:
    """A work that gave no numbers; it stays in the results."""
    return Row(
        work=work, contestant=contestant, repetition=repetition, errors=errors,
        rps=0.0, p50_ms=0.0, p95_ms=0.0, p99_ms=0.0, cpu_ms_per_request=0.0, peak_rss_mb=0.0,
    )  # fmt: skip


def shortened(value: Any) -> Any:
    """Six significant digits of a float, as a call in process takes less than a microsecond; anything else as it is."""
    return float(f"{value:.6g}") if isinstance(value, float) else value


def write(path: Path, rows: Iterable[Row]) -> None:
    record(path, map(asdict, rows))


def record(path: Path, items: Iterable[Mapping[str, Any]]) -> None:
    """A list with one item per line, so that a diff of two runs can be read."""
    lines = ",\n".join(json.dumps(item) for item in items)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"[\n{lines}\n]\n")


def read(path: Path) -> list[Row]:
    return [Row(**values) for values in json.loads(path.read_text())]


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of the repetitions, and the least and the most of them."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread | None:
        """None for no values."""
        return cls(statistics.median(values), min(values), max(values)) if values else None


class Results:
    """All rows of a run."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.rows = tuple(rows)

    @property
    def works(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(r.work for r in self.rows))

    @property
    def contestants(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(r.contestant for r in self.rows))

    @property
    def repetitions(self) -> tuple[int, ...]:
        return tuple(sorted({r.repetition for r in self.rows}))

    def spread(self, work: str, contestant: str, metric: str) -> Spread | None:
        """Over the repetitions that gave numbers; None when none did."""
        return Spread.of([float(getattr(r, metric)) for r in self._of(work, contestant)])

    def ratio(self, work: str, metric: str, above: str, below: str, against: str = "") -> Spread | None:
        """`above` ÷ `below`, repetition by repetition: what disturbs a whole repetition disturbs both.

        Args:
            work: the work.
            metric: a field of `Row`.
            above: a contestant.
            below: another one.
            against: the work of `below`; the same one when it is empty.
        """
        pairs = self._pairs(work, metric, above, below, against)
        return Spread.of([a / b for a, b in pairs.values() if b > 0])

    def added(self, work: str, metric: str, above: str, below: str, against: str = "") -> dict[int, float]:
        """`above` - `below` by repetition, of the same works as `ratio`."""
        return {i: a - b for i, (a, b) in self._pairs(work, metric, above, below, against).items()}

    def _pairs(self, work: str, metric: str, above: str, below: str, against: str) -> dict[int, tuple[float, float]]:
        """Both values of each repetition that has them."""
        first = {r.repetition: float(getattr(r, metric)) for r in self._of(work, above)}
        second = {r.repetition: float(getattr(r, metric)) for r in self._of(against or work, below)}
        return {i: (first[i], second[i]) for i in sorted(first.keys() & second.keys())}

    def errors(self, work: str, contestant: str) -> int:
        return sum(r.errors for r in self.rows if (r.work, r.contestant) == (work, contestant))

    def _of(self, work: str, contestant: str) -> list[Row]:
        found = [r for r in self.rows if (r.work, r.contestant) == (work, contestant)]
        return [r for r in found if r.rps > 0 or not r.errors]
