"""`make bench`: every contestant at every work, and the page that says what came out.

python -m benchmarks                               everything, into benchmarks/results/ and docs/performance.md
python -m benchmarks --quick --work echo,chain4    a look; into build/benchmarks/
python -m benchmarks --plan                        what would be run, and how long it would take
python -m benchmarks --report                      the page again, from the results on record
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from benchmarks import compile_growth, page, report, rows
from benchmarks.contestants import BY_NAME as CONTESTANTS
from benchmarks.contestants.base import Contestant
from benchmarks.extras import TITLES as EXTRAS
from benchmarks.processes import ROOT
from benchmarks.run import Outcome, Run, machine
from benchmarks.schedule import SECONDS, Plan, described
from benchmarks.works import BY_NAME, QUICK, Work

PUBLISHED = ROOT / "benchmarks/results"
DOCS = ROOT / "docs"
BUILD = ROOT / "build/benchmarks"
CODEC_S = 35.0
_RECORDS = frozenset({"latest", "points", "growth", "codec", "codec_small"})
T = TypeVar("T")


def main() -> int:
    asked = _arguments()
    # So that whatever has been started is stopped in order, whoever asks for the end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if asked.report:
        page.write(PUBLISHED, DOCS)
        return 0
    plan = _plan(asked)
    whole = not (asked.quick or asked.work or asked.contestant)
    print(described(plan, (compile_growth.ESTIMATE_S + CODEC_S) if whole else 0.0), flush=True)
    if asked.plan:
        return 0
    begin = time.monotonic()
    if whole:
        _besides(BUILD)
    outcome = Run(plan, _say, lambda so_far: _record(BUILD, so_far))()
    print(f"done in {(time.monotonic() - begin) / 60:.1f} min")
    if whole:
        # Only now, so that a run that breaks off leaves the last whole one on record.
        PUBLISHED.mkdir(parents=True, exist_ok=True)
        for path in [found for found in BUILD.glob("*.json") if found.stem in _RECORDS]:
            path.replace(PUBLISHED / path.name)
        page.write(PUBLISHED, DOCS)
    else:
        found = rows.Results(outcome.rows)
        print(f"\n{report.targets_table(found)}\n\n{report.open_table(outcome.points)}\n")
        print("\n\n".join(report.work_table(found, work) for work in found.works))
    errors = sum(row.errors for row in outcome.rows)
    print(f"\n{PUBLISHED if whole else BUILD}/latest.json: {len(outcome.rows)} rows, {errors} errors")
    return 1 if errors else 0


def _say(text: str) -> None:
    print(text, flush=True)


def _besides(folder: Path) -> None:
    """What has no contestants: how commands grow with graphs, and the codec beside protobuf."""
    folder.mkdir(parents=True, exist_ok=True)
    _say("commands on graphs of more and more nodes")
    rows.record(folder / "growth.json", [asdict(cost) for cost in compile_growth.measure(_say)])
    _say("the codec")
    for name in ("codec", "codec_small"):
        # A process of its own, because it imports torch.
        command = [sys.executable, "-m", f"benchmarks.{name}", "--json", str(folder / f"{name}.json")]
        subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)


def _record(folder: Path, outcome: Outcome) -> None:
    rows.write(folder / "latest.json", outcome.rows)
    (folder / "points.json").write_text(_points(machine(), outcome.points))


def _points(facts: Mapping[str, Any], points: Iterable[Mapping[str, Any]]) -> str:
    lines = ",\n".join(json.dumps(point) for point in points)
    return f'{{"machine": {json.dumps(facts)},\n"points": [\n{lines}\n]}}\n'


def _arguments() -> argparse.Namespace:
    about = "Measures meshgen and what it is compared to."
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=about)
    parser.add_argument("--quick", action="store_true", help="1 repetition, fewer works")
    parser.add_argument("--work", metavar="A,B", help=f"only these: {', '.join((*BY_NAME, *EXTRAS))}")
    parser.add_argument("--contestant", metavar="A,B", help=f"only these: {', '.join(CONTESTANTS)}")
    parser.add_argument("--repetitions", type=int, metavar="N", help="5 by default")
    parser.add_argument("--seconds", type=float, metavar="S", help=f"of a point; {SECONDS:g} by default")
    parser.add_argument("--plan", action="store_true", help="only say what would be run")
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
        seconds=asked.seconds or SECONDS,
        extras=frozenset(EXTRAS) & frozenset(names),
    )


def _found(known: Mapping[str, T], name: str, kind: str) -> T:
    if name not in known:
        raise SystemExit(f"there is no {kind} {name!r}; there are {', '.join(known)}")
    return known[name]


if __name__ == "__main__":
    sys.exit(main())
