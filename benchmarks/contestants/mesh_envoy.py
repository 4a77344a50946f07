"""meshgen as a mesh whose nodes are called by gRPC through Envoy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from benchmarks.contestants.mesh import Mesh
from benchmarks.works import GraphName


class MeshEnvoy(Mesh):
    name: ClassVar[str] = "mesh-envoy"
    title: ClassVar[str] = "meshgen mesh, hops through Envoy"
    graphs: ClassVar[tuple[GraphName, ...]] = ("works",)
    works: ClassVar[frozenset[str] | None] = frozenset({"chain4", "fan4", "tensor4_16MB"})
    options: ClassVar[tuple[str, ...]] = ("--east-west", "envoy")
    start_s: ClassVar[Mapping[GraphName, float]] = {"works": 29.0}
