"""`make bench`: every contestant at every work, and the page that says what came out.

python -m benchmarks                               everything, into benchmarks/results/ and docs/performance.md
python -m benchmarks --quick --work echo,chain4    a look; into build/benchmarks/
python -m benchmarks --report                      the page again, from the results on record
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from benchmarks import plot, report, rows
from benchmarks.contestants import BY_NAME as CONTESTANTS
from benchmarks.contestants.base import Contestant
from benchmarks.extras import TITLES as EXTRAS
from benchmarks.processes import ROOT
from benchmarks.run import Run, machine
from benchmarks.schedule import Plan, described
from benchmarks.works import BY_NAME, QUICK, Work

PUBLISHED = ROOT / "benchmarks/results"
DOCS = ROOT / "docs"
BUILD = ROOT / "build/benchmarks"
T = TypeVar("T")


def main() -> int:
    asked = _arguments()
    # So that whatever has been started is stopped in order, whoever asks for the end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if asked.report:
        recorded = json.loads((PUBLISHED / "points.json").read_text())
        publish(rows.read(PUBLISHED / "latest.json"), recorded["machine"], recorded["points"])
        return 0
    plan = _plan(asked)
    print(described(plan), flush=True)
    begin = time.monotonic()
    outcome = Run(plan, lambda text: print(text, flush=True))()
    print(f"done in {(time.monotonic() - begin) / 60:.1f} min")
    whole = not (asked.quick or asked.work or asked.contestant)
    folder = PUBLISHED if whole else BUILD
    rows.write(folder / "latest.json", outcome.rows)
    (folder / "points.json").write_text(_points(machine(), outcome.points))
    if whole:
        publish(outcome.rows, machine(), outcome.points)
    else:
        found = rows.Results(outcome.rows)
        print(f"\n{report.targets_table(found)}\n\n{report.open_table(outcome.points)}\n")
        print("\n\n".join(report.work_table(found, work) for work in found.works))
    errors = sum(row.errors for row in outcome.rows)
    print(f"\n{folder}/latest.json: {len(outcome.rows)} rows, {errors} errors")
    return 1 if errors else 0


def publish(measured: Iterable[rows.Row], facts: Mapping[str, Any], points: Sequence[Mapping[str, Any]]) -> None:
    """Write the section of docs/performance.md, and its picture."""
    found = rows.Results(measured)
    plot.draw(found, DOCS / "performance.svg")
    report.put(DOCS / "performance.md", report.markdown(found, facts, points))


def _points(facts: Mapping[str, Any], points: Iterable[Mapping[str, Any]]) -> str:
    lines = ",\n".join(json.dumps(point) for point in points)
    return f'{{"machine": {json.dumps(facts)},\n"points": [\n{lines}\n]}}\n'


def _arguments() -> argparse.Namespace:
    about = "Measures meshgen and what it is compared to."
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=about)
    parser.add_argument("--quick", action="store_true", help="1 repetition, 1 s per point, fewer works")
    parser.add_argument("--work", metavar="A,B", help=f"only these: {', '.join((*BY_NAME, *EXTRAS))}")
    parser.add_argument("--contestant", metavar="A,B", help=f"only these: {', '.join(CONTESTANTS)}")
    parser.add_argument("--repetitions", type=int, metavar="N", help="5 by default")
    parser.add_argument("--seconds", type=float, metavar="S", help="of a point; 1.25 by default")
    parser.add_argument("--report", action="store_true", help="write the page again from the results on record")
    return parser.parse_args()


def _plan(asked: argparse.Namespace) -> Plan:
    default = QUICK if asked.quick else (*BY_NAME, *EXTRAS)
    names = asked.work.split(",") if asked.work else default
    contestants = asked.contestant.split(",") if asked.contestant else tuple(CONTESTANTS)
    works: tuple[Work, ...] = tuple(_found(BY_NAME, n, "work") for n in names if n not in EXTRAS)
    chosen: tuple[Contestant, ...] = tuple(_found(CONTESTANTS, n, "contestant") for n in contestants)
    return Plan(
        works=works,
        contestants=chosen,
        repetitions=asked.repetitions or (1 if asked.quick else 5),
        seconds=asked.seconds or (1.0 if asked.quick else 1.25),
        extras=frozenset(EXTRAS) & frozenset(names),
    )


def _found(known: Mapping[str, T], name: str, kind: str) -> T:
    if name not in known:
        raise SystemExit(f"there is no {kind} {name!r}; there are {', '.join(known)}")
    return known[name]


if __name__ == "__main__":
    sys.exit(main())
