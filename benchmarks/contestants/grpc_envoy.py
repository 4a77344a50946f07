"""The hand-written services behind one Envoy, which every call goes through, as in a mesh."""

from __future__ import annotations

from typing import ClassVar

from benchmarks.contestants.base import Handwritten, Place
from benchmarks.processes import Process
from benchmarks.works import GraphName


class GrpcEnvoy(Handwritten):
    name: ClassVar[str] = "grpc-envoy"
    title: ClassVar[str] = "grpc.aio by hand, behind Envoy"
    start_s: ClassVar[float] = 8.0

    def start(self, graph: GraphName, place: Place) -> Process:
        return place.process("benchmarks.handwritten.host", str(place.folder), "--envoy")
