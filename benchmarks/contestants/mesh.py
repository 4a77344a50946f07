"""meshgen as a mesh: `meshgen run`, called by gRPC through its front."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import ClassVar

from benchmarks.contestants.base import Place
from benchmarks.messages import Contract
from benchmarks.processes import Process
from benchmarks.works import GraphName

FILES: Mapping[GraphName, str] = {
    "works": "benchmarks/graphs/works.py",
    "content": "graphs/content_understanding.py",
}
SERVICES: Mapping[GraphName, str] = {
    "works": "works.v1.WorksService",
    "content": "content_understanding.v1.ContentUnderstandingService",
}


class Mesh:
    name: ClassVar[str] = "mesh"
    title: ClassVar[str] = "meshgen mesh"
    graphs: ClassVar[tuple[GraphName, ...]] = ("works", "content")
    in_process: ClassVar[bool] = False
    start_s: ClassVar[float] = 35.0
    stop_signal: ClassVar[signal.Signals | None] = signal.SIGTERM

    def start(self, graph: GraphName, place: Place) -> Process:
        env = {"MESHGEN_DOWNLOAD_ALLOW": "127.0.0.0/8"}
        return place.process("meshgen", "run", FILES[graph], "--port", "0", env=env)

    def address(self, process: Process) -> str | None:
        found = ""
        # The last of what it prints, so that its stdout stays empty for ever.
        while not (line := process.line()).startswith("Ctrl-C"):
            if line.startswith("gRPC"):
                found = line.split()[1]
        return found

    def contract(self, graph: GraphName, place: Place) -> Contract | None:
        name = SERVICES[graph].partition(".")[0]
        return Contract(place.build / f"mesh/envoy/{name}/descriptors.binpb", SERVICES[graph])
