"""meshgen as a mesh: `meshgen run`, called by gRPC through its front."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from benchmarks.contestants.base import Place
from benchmarks.messages import Contract
from benchmarks.processes import Process
from benchmarks.works import GraphName


class Mesh:
    name: ClassVar[str] = "mesh"
    title: ClassVar[str] = "meshgen mesh"
    graphs: ClassVar[tuple[GraphName, ...]] = ("works", "content", "replicas")
    works: ClassVar[frozenset[str] | None] = None
    files: ClassVar[Mapping[GraphName, str]] = {
        "works": "benchmarks/graphs/works.py",
        "content": "graphs/content_understanding.py",
        "replicas": "benchmarks/graphs/replicas.py",
    }
    environment: ClassVar[Mapping[str, str]] = {}
    """All that another way to run a mesh has to say."""
    in_process: ClassVar[bool] = False
    start_s: ClassVar[Mapping[GraphName, float]] = {"works": 29.0, "content": 31.0, "replicas": 20.0}
    stop_signal: ClassVar[signal.Signals | None] = signal.SIGTERM

    def start(self, graph: GraphName, place: Place) -> Process:
        env = {"MESHGEN_DOWNLOAD_ALLOW": "127.0.0.0/8", **self.environment}
        return place.process("meshgen", "run", self.files[graph], "--port", "0", env=env)

    def address(self, process: Process) -> str | None:
        found = ""
        # The last of what it prints, so that its stdout stays empty for ever.
        while not (line := process.line()).startswith("Ctrl-C"):
            if line.startswith("gRPC"):
                found = line.split()[1]
        return found

    def contract(self, graph: GraphName, place: Place) -> Contract | None:
        name = Path(self.files[graph]).stem
        service = "".join(word.capitalize() for word in name.split("_"))
        return Contract(place.build / f"mesh/envoy/{name}/descriptors.binpb", f"{name}.v1.{service}Service")
