"""One start of a contestant, and of the generator that asks it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from benchmarks.callers import Caller, Own, Remote
from benchmarks.contestants.base import Contestant, Place
from benchmarks.processes import ROOT, ContestantError, Process, members, sweep, until
from benchmarks.works import GraphName

_GONE_S = 15.0


@contextmanager
def generator(place: Place, name: str = "one") -> Iterator[Process]:
    """The load generator, up before the contestant so that its start is nobody's."""
    command = [sys.executable, "-m", "benchmarks.generator"]
    process = Process(command, env={"PYTHONPATH": str(ROOT)}, log=place.folder / f"generator_{name}.txt")
    try:
        yield process
    finally:
        process.stop(None)


@contextmanager
def running(contestant: Contestant, graph: GraphName, place: Place, tell: Callable[[str], None]) -> Iterator[Process]:
    """A contestant from its launch until the last of its processes is gone; `tell` hears of those that outlive it."""
    process = contestant.start(graph, place)
    try:
        yield process
    finally:
        process.stop(contestant.stop_signal)
        try:
            until(lambda: not members(place.mark), _GONE_S, "every process gone")
        except ContestantError:
            tell(f"    note: {sweep(place.mark)} processes of {contestant.name} outlived it and were ended")


def caller(
    contestant: Contestant, graph: GraphName, place: Place, process: Process, asking: Process, other: Process
) -> Caller:
    """Who asks it, once it is up: the generator, and another one for what runs beside; or itself."""
    address = contestant.address(process)
    contract = contestant.contract(graph, place)
    if address is None or contract is None:
        return Own(process, place.folder)
    return Remote(asking, other, address, contract, place.folder)
