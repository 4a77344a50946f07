"""Envoy's whole configuration."""

from __future__ import annotations

from collections.abc import Sequence

from meshgen.emit.envoy.clusters import front_cluster, otlp_cluster, pages_cluster, workload_cluster
from meshgen.emit.envoy.listeners import mesh_listener, public_listener
from meshgen.emit.envoy.parts import LOOPBACK, address, extension
from meshgen.emit.envoy.settings import EnvoySettings
from meshgen.emit.output.document import Document
from meshgen.errors import MeshgenError
from meshgen.plan.model import Mesh

NODE_ID = "meshgen"


def envoy_config(meshes: Sequence[Mesh], settings: EnvoySettings) -> Document:
    """One front for all meshes. The result is plain data, for `to_yaml` or `to_json`.

    Raises:
        MeshgenError: two graphs want one REST path.
    """
    _refuse_shared_paths(meshes)
    clusters = [workload_cluster(w, settings) for mesh in meshes for w in mesh.workloads]
    clusters += [front_cluster(settings), pages_cluster(settings)]
    if settings.otlp is not None:
        clusters.append(otlp_cluster(settings.otlp))
    return {
        "node": {"id": NODE_ID, "cluster": NODE_ID},
        "admin": {"address": address(LOOPBACK, settings.admin_port)},
        "static_resources": {
            "listeners": [public_listener(meshes, settings), mesh_listener(meshes, settings)],
            "clusters": clusters,
        },
        "overload_manager": {
            "refresh_interval": "0.25s",
            "resource_monitors": [_connection_limit(settings), _heap_limit(settings)],
            "actions": [_at_heap("shrink_heap", 0.8), _at_heap("stop_accepting_requests", 0.9)],
        },
        "layered_runtime": {"layers": [{"name": "static", "static_layer": _RUNTIME}]},
    }


# A trace should be complete when its answer is there, not five spans or five seconds later.
_RUNTIME: Document = {"tracing": {"opentelemetry": {"flush_interval_ms": 200, "min_flush_spans": 1}}}


def _refuse_shared_paths(meshes: Sequence[Mesh]) -> None:
    owners: dict[str, str] = {}
    for mesh in meshes:
        for path in (route.path for route in mesh.routes):
            if path in owners:
                message = f"the graphs '{owners[path]}' and '{mesh.graph}' both have the REST path '{path}'"
                raise MeshgenError(f"{message}; give one another `route_prefix`")
            owners[path] = mesh.graph


def _connection_limit(settings: EnvoySettings) -> Document:
    return extension(
        "envoy.resource_monitors.global_downstream_max_connections",
        "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
        max_active_downstream_connections=settings.max_connections,
    )


_HEAP = "envoy.resource_monitors.fixed_heap"


def _heap_limit(settings: EnvoySettings) -> Document:
    return extension(
        _HEAP,
        "envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig",
        max_heap_size_bytes=settings.heap_bytes,
    )


def _at_heap(action: str, share: float) -> Document:
    """An action from this share of the heap on. The mesh listener is exempt, so that requests under way can end."""
    return {
        "name": f"envoy.overload_actions.{action}",
        "triggers": [{"name": _HEAP, "threshold": {"value": share}}],
    }
