"""Ray Serve at its defaults: handles between deployments, its gRPC proxy in front."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from benchmarks.contestants.base import Handwritten, Place
from benchmarks.processes import Process
from benchmarks.works import GraphName


class Serve(Handwritten):
    name: ClassVar[str] = "serve"
    title: ClassVar[str] = "Ray Serve, defaults"
    start_s: ClassVar[Mapping[GraphName, float]] = {"works": 34.0}

    def start(self, graph: GraphName, place: Place) -> Process:
        return place.process("benchmarks.handwritten.serve_host", str(place.folder))
