"""Hand-written grpc.aio services, one process per node, without Ray and Envoy: the limit for a mesh."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from benchmarks.contestants.base import Handwritten, Place
from benchmarks.processes import Process
from benchmarks.works import GraphName


class Grpc(Handwritten):
    name: ClassVar[str] = "grpc"
    title: ClassVar[str] = "grpc.aio by hand"
    start_s: ClassVar[Mapping[GraphName, float]] = {"works": 4.0}

    def start(self, graph: GraphName, place: Place) -> Process:
        return place.process("benchmarks.handwritten.host", str(place.folder), graph)
