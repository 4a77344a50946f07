"""The hand-written services behind one Envoy, which every call goes through, as in a mesh."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from benchmarks.contestants.base import Handwritten, Place
from benchmarks.processes import Process
from benchmarks.works import GraphName


class GrpcEnvoy(Handwritten):
    name: ClassVar[str] = "grpc-envoy"
    title: ClassVar[str] = "grpc.aio by hand, behind Envoy"
    graphs: ClassVar[tuple[GraphName, ...]] = ("works", "replicas")
    start_s: ClassVar[Mapping[GraphName, float]] = {"works": 4.0, "replicas": 4.0}

    def start(self, graph: GraphName, place: Place) -> Process:
        return place.process("benchmarks.handwritten.host", str(place.folder), graph, "--envoy")
