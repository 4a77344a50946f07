"""The contestants, in the order of the tables."""

from __future__ import annotations

from benchmarks.contestants.base import Contestant
from benchmarks.contestants.grpc_envoy import GrpcEnvoy
from benchmarks.contestants.grpc_services import Grpc
from benchmarks.contestants.local import Local
from benchmarks.contestants.mesh import Mesh
from benchmarks.contestants.mesh_fused import MeshFused
from benchmarks.contestants.plain import Plain
from benchmarks.contestants.serve import Serve
from benchmarks.contestants.serve_throughput import ServeThroughput

CONTESTANTS: tuple[Contestant, ...] = (
    Mesh(),
    MeshFused(),
    Serve(),
    ServeThroughput(),
    Grpc(),
    GrpcEnvoy(),
    Local(),
    Plain(),
)
BY_NAME = {c.name: c for c in CONTESTANTS}
