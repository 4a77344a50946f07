"""The endpoint files that Envoy watches: one per cluster, replaced by rename."""

from __future__ import annotations

from collections.abc import Iterable

from meshgen.emit.envoy.parts import endpoint, pipe, typed
from meshgen.emit.output.document import Document


def endpoints_path(endpoints_dir: str, cluster: str) -> str:
    """A folder per cluster: Envoy reloads on any rename in the folder it watches."""
    return f"{endpoints_dir}/{cluster}/endpoints.yaml"


def endpoints_document(cluster: str, sockets: Iterable[str]) -> Document:
    """The running replicas of a cluster by the paths of their sockets; sorted, so that equal sets give equal files."""
    hosts = [endpoint(pipe(path)) for path in sorted(set(sockets))]
    assignment = typed(
        "envoy.config.endpoint.v3.ClusterLoadAssignment",
        cluster_name=cluster,
        endpoints=[{"lb_endpoints": hosts}] if hosts else [],
    )
    return {"resources": [assignment]}
