"""Envoy's files for one graph, with paths relative to the output root, where Envoy is to be started."""

from __future__ import annotations

from meshgen.contract.names import descriptors_path
from meshgen.emit.envoy.bootstrap import envoy_config
from meshgen.emit.envoy.endpoints import endpoints_document, endpoints_path
from meshgen.emit.envoy.settings import EnvoySettings
from meshgen.emit.output.document import to_yaml
from meshgen.emit.output.files import GeneratedFile
from meshgen.emit.output.header import header
from meshgen.plan.model import Plan


def envoy_files(plan: Plan) -> tuple[GeneratedFile, ...]:
    """Configuration, descriptor set, and an empty endpoint file per cluster for discovery to replace."""
    folder = f"envoy/{plan.mesh.graph}"
    settings = EnvoySettings(
        mesh_socket=f"{folder}/mesh.sock",
        endpoints_dir=f"{folder}/endpoints",
        descriptors=descriptors_path(plan.mesh.graph),
    )
    title = header(plan)
    endpoints = (
        GeneratedFile.text(
            endpoints_path(settings.endpoints_dir, workload.application),
            to_yaml(endpoints_document(workload.application, ()), header=title),
        )
        for workload in plan.mesh.workloads
    )
    return (
        GeneratedFile.text(f"{folder}/envoy.yaml", to_yaml(envoy_config((plan.mesh,), settings), header=title)),
        GeneratedFile(settings.descriptors, plan.contract.descriptors.SerializeToString(deterministic=True)),
        *endpoints,
    )
