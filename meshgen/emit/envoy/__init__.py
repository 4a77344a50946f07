"""Envoy's configuration for the meshes of one front."""

from __future__ import annotations

from meshgen.emit.envoy.bootstrap import envoy_config
from meshgen.emit.envoy.committed import envoy_files
from meshgen.emit.envoy.descriptors import merge_descriptors
from meshgen.emit.envoy.endpoints import endpoints_document, endpoints_path
from meshgen.emit.envoy.settings import DOCS_PATH, FRONT_CLUSTER, HEALTH_PATH, OPENAPI_PATH, EnvoySettings, Otlp

__all__ = [
    "DOCS_PATH",
    "FRONT_CLUSTER",
    "HEALTH_PATH",
    "OPENAPI_PATH",
    "EnvoySettings",
    "Otlp",
    "endpoints_document",
    "endpoints_path",
    "envoy_config",
    "envoy_files",
    "merge_descriptors",
]
