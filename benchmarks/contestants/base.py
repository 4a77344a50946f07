"""What every contestant is: something that starts, says where it listens, and stops."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from benchmarks.messages import Contract
from benchmarks.processes import MARK, ROOT, Process
from benchmarks.works import GraphName


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one start of a contestant lives."""

    folder: Path
    """Its own, with a short path."""
    build: Path
    """What is compiled once for all: see `benchmarks.prepared`."""
    mark: str
    """In the environment of all its processes."""
    tree: Path = ROOT
    """The checkout whose code it runs."""

    def process(self, *command: str, env: Mapping[str, str] | None = None) -> Process:
        """Run a Python module of this project as a part of the contestant."""
        paths = f"{self.tree}:{self.build / 'stubs'}"
        environ = {MARK: self.mark, "PYTHONPATH": paths, **(env or {})}
        return Process([sys.executable, "-m", *command], env=environ, log=self.folder / "log.txt", cwd=self.tree)


class Contestant(Protocol):
    """One way to run the works. Stateless: each start is a process of its own."""

    name: ClassVar[str]
    title: ClassVar[str]
    graphs: ClassVar[tuple[GraphName, ...]]
    in_process: ClassVar[bool]
    """Measures itself, one call after the other."""
    works: ClassVar[frozenset[str] | None]
    """All that it is asked; None for every work of its graphs."""
    files: ClassVar[Mapping[GraphName, str]]
    """Graphs in meshgen's language that it serves, which are built beforehand."""
    start_s: ClassVar[Mapping[GraphName, float]]
    """About how long a start and a stop take, for the estimate."""
    stop_signal: ClassVar[signal.Signals | None]
    """What asks it to end; None for the end of its stdin."""

    def start(self, graph: GraphName, place: Place) -> Process:
        """Launch it; returns at once."""

    def address(self, process: Process) -> str | None:
        """Wait until it is up: host:port of its gRPC; None when it answers in its own process, through its stdin."""

    def contract(self, graph: GraphName, place: Place) -> Contract | None:
        """What to send to the address."""


class Handwritten:
    """What the contestants with the hand-written contract share."""

    graphs: ClassVar[tuple[GraphName, ...]] = ("works",)
    works: ClassVar[frozenset[str] | None] = None
    files: ClassVar[Mapping[GraphName, str]] = {}
    in_process: ClassVar[bool] = False
    stop_signal: ClassVar[signal.Signals | None] = None

    def address(self, process: Process) -> str | None:
        return str(json.loads(process.line())["address"])

    def contract(self, graph: GraphName, place: Place) -> Contract | None:
        service = "bench.Replicated" if graph == "replicas" else "bench.Front"
        return Contract(place.build / "stubs/bench.binpb", service)


class InProcess:
    """What the contestants without a server share."""

    name: ClassVar[str]
    graphs: ClassVar[tuple[GraphName, ...]] = ("works", "content")
    works: ClassVar[frozenset[str] | None] = None
    files: ClassVar[Mapping[GraphName, str]] = {}
    start_s: ClassVar[Mapping[GraphName, float]] = {"works": 1.0, "content": 6.0}
    in_process: ClassVar[bool] = True
    stop_signal: ClassVar[signal.Signals | None] = None

    def start(self, graph: GraphName, place: Place) -> Process:
        return place.process("benchmarks.inprocess", self.name, graph, env={"MESHGEN_DOWNLOAD_ALLOW": "127.0.0.0/8"})

    def address(self, process: Process) -> str | None:
        return None

    def contract(self, graph: GraphName, place: Place) -> Contract | None:
        return None
