"""Ray Serve with all its throughput flags: direct ingress, handles over gRPC, no access log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from benchmarks.contestants.base import Handwritten, Place
from benchmarks.processes import Process
from benchmarks.works import GraphName


class ServeThroughput(Handwritten):
    name: ClassVar[str] = "serve-throughput"
    title: ClassVar[str] = "Ray Serve, throughput flags"
    start_s: ClassVar[Mapping[GraphName, float]] = {"works": 24.0}

    def start(self, graph: GraphName, place: Place) -> Process:
        return place.process("benchmarks.handwritten.serve_host", str(place.folder), "--throughput")
