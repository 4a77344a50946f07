"""meshgen as a mesh whose cheap nodes are placed in the driver: same contract, no call between processes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from benchmarks.contestants.mesh import Mesh
from benchmarks.works import FUSED, GraphName


class MeshFused(Mesh):
    name: ClassVar[str] = "mesh-fused"
    title: ClassVar[str] = "meshgen mesh, nodes in the driver"
    graphs: ClassVar[tuple[GraphName, ...]] = ("works",)
    works: ClassVar[frozenset[str] | None] = FUSED
    files: ClassVar[Mapping[GraphName, str]] = {"works": "benchmarks/graphs/works_fused.py"}
    start_s: ClassVar[Mapping[GraphName, float]] = {"works": 15.0}
