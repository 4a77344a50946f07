"""Where a request's CPU goes: brings a mesh up, loads it, reads /proc, and samples driver and a node with py-spy.

python -m benchmarks.profile                                     into benchmarks/results/profile.json
python -m benchmarks.profile --tree ../before --out profile_before.json     the code of another checkout
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import prepared, session
from benchmarks.callers import Caller, Load
from benchmarks.contestants.base import Place
from benchmarks.contestants.mesh import Mesh
from benchmarks.processes import ROOT, members
from benchmarks.profile import stacks, usage
from benchmarks.profile.report import report
from benchmarks.run import machine
from benchmarks.works import BY_NAME, FIRST, Work

RESULTS = ROOT / "benchmarks/results"
_IDLE_S = 5.0
_WARM_S = 3.0
_OTHER_THREADS = "other threads"
# A replica that does less than this share of what the busiest does is not on the request's way.
_BUSY = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """The mesh at one moment."""

    at: float
    processes: Mapping[str, float]
    """CPU seconds by role."""
    threads: Mapping[str, Mapping[int, float]]
    """CPU seconds by thread, of each replica by role."""


class Profile:
    """Of one work on one running mesh."""

    def __init__(self, caller: Caller, work: Work, place: Place, in_flight: int, seconds: float) -> None:
        self._caller = caller
        self._work = work
        self._place = place
        self._in_flight = in_flight
        self._seconds = seconds
        caller.check(work, work.cases())
        self._load("warm", _WARM_S)
        self._parts = usage.parts(members(place.mark), work.graph)

    def __call__(self) -> dict[str, Any]:
        """What `profile.json` has."""
        resting = self._mark()
        time.sleep(_IDLE_S)
        begin = self._mark()
        answered = self._load("many", self._seconds)
        end = self._mark()
        requests = max(answered["requests"], 1)
        used = usage.between(begin.processes, end.processes)
        idle = usage.between(resting.processes, begin.processes)
        spent = {role: 1e6 * seconds / requests for role, seconds in used.items()}
        on_the_way = self._on_the_way(spent)
        sampled = self._sampled([usage.DRIVER, *on_the_way[:1]])
        return {
            "work": self._work.name,
            "in_flight": self._in_flight,
            "requests": requests,
            "rps": round(answered["rps"], 1),
            "p50_ms": round(answered["p50_ms"], 3),
            "errors": answered["errors"],
            "idle_percent": round(100 * sum(idle.values()) / (begin.at - resting.at), 1),
            "us_per_request": {role: round(value, 1) for role, value in self._grouped(spent, on_the_way).items()},
            "nodes": len(on_the_way),
            "within": {
                role: _split(spent[role], usage.between_threads(begin.threads[role], end.threads[role]), found)
                for role, found in sampled.items()
            },
        }  # fmt: skip

    def _load(self, name: str, seconds: float) -> dict[str, Any]:
        load = Load(name=name, seconds=seconds, in_flight=self._in_flight)
        return self._caller.load(self._work, load, self._place.mark)

    def _mark(self) -> Mark:
        return Mark(
            at=time.monotonic(),
            processes=usage.seconds(self._parts),
            threads={part.role: usage.threads(part.process) for part in self._replicas()},
        )

    def _replicas(self) -> list[usage.Part]:
        return [part for part in self._parts if part.role not in usage.OTHERS]

    def _on_the_way(self, spent: Mapping[str, float]) -> list[str]:
        """The nodes that the work calls, the busiest first."""
        nodes = sorted((p.role for p in self._replicas() if p.role != usage.DRIVER), key=lambda role: -spent[role])
        return [role for role in nodes if spent[role] > _BUSY * spent[nodes[0]]]

    @staticmethod
    def _grouped(spent: Mapping[str, float], on_the_way: list[str]) -> dict[str, float]:
        """Nodes on the way together, and those that are not."""
        kept = {role: value for role, value in spent.items() if role in (usage.DRIVER, *usage.OTHERS)}
        nodes = sum(spent[role] for role in on_the_way)
        rest = sum(spent.values()) - sum(kept.values()) - nodes
        return {**kept, usage.NODES: nodes, usage.IDLE: rest}

    def _sampled(self, roles: list[str]) -> dict[str, list[stacks.Sample]]:
        """Stacks of some replicas under load, one after the other; sampling slows them, so that nothing is timed."""
        pids = {part.role: part.process.pid for part in self._replicas()}
        with self._loaded((self._seconds + 3) * len(roles)):
            return {role: self._stacks(pids[role]) for role in roles}

    def _stacks(self, pid: int) -> list[stacks.Sample]:
        output = self._place.folder / f"{pid}.raw"
        stacks.record(pid, self._seconds, output)
        with output.open() as lines:
            return list(stacks.read(lines))

    @contextmanager
    def _loaded(self, seconds: float) -> Any:
        load = threading.Thread(target=self._load, args=("many", seconds))
        load.start()
        try:
            yield
        finally:
            load.join()


def _split(total_us: float, threads: Mapping[int, float], samples: list[stacks.Sample]) -> dict[str, float]:
    """µs per request within a replica: those of its loop by owner, those of its other threads together."""
    loop = stacks.loop_thread(samples)
    everything = sum(threads.values())
    if loop is None or not everything:
        return {}
    loop_us = total_us * threads.get(stacks.thread_id(loop), 0.0) / everything
    found = {name: round(share * loop_us, 1) for name, share in stacks.shares(samples, loop).items()}
    return {**found, _OTHER_THREADS: round(total_us - loop_us, 1)}


def profile(tree: Path, work: Work, in_flight: int, seconds: float, say: Callable[[str], None]) -> dict[str, Any]:
    """Start a mesh of that checkout, and look."""
    base = Path(tempfile.mkdtemp(prefix="profile-", dir="/tmp"))
    mesh = Mesh()
    try:
        prepared.build(base / "build", (mesh.files[work.graph],), tree)
        place = Place(folder=base, build=base / "build", mark=uuid.uuid4().hex, tree=tree)
        with (
            session.generator(place) as asking,
            session.generator(place, "other") as other,
            session.running(mesh, work.graph, place, say) as process,
        ):
            caller = session.caller(mesh, work.graph, place, process, asking, other)
            say("up; now under load")
            found = Profile(caller, work, place, in_flight, seconds)()
    finally:
        shutil.rmtree(base, ignore_errors=True)
    return {"commit": _commit(tree), "machine": machine(), **found}


def _commit(tree: Path) -> str:
    command = ["git", "-C", str(tree), "describe", "--always", "--abbrev=7", "--exclude=*"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile", description=__doc__.splitlines()[0])
    parser.add_argument("--tree", type=Path, default=ROOT, help="the checkout to run; this one by default")
    parser.add_argument("--work", default=FIRST, choices=[w.name for w in BY_NAME.values() if w.graph == "works"])
    parser.add_argument("--in-flight", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each window")
    parser.add_argument("--out", default="profile.json", help="file name in benchmarks/results/, or a path")
    asked = parser.parse_args()
    found = profile(asked.tree.resolve(), BY_NAME[asked.work], asked.in_flight, asked.seconds, print)
    path = RESULTS / asked.out  # an absolute path stays what it is
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1) + "\n")
    print(report(None, found))


if __name__ == "__main__":
    main()
