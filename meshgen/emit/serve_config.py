"""`services/<graph>/<node>/serve.yaml`: a Serve config file, for `serve deploy` and for Kubernetes."""

from __future__ import annotations

from meshgen.emit.output.document import to_yaml
from meshgen.emit.output.files import GeneratedFile
from meshgen.emit.output.header import header
from meshgen.plan.model import Plan, Workload
from meshgen.plan.options import config_options
from meshgen.rayserve.names import DEPLOYMENT, SERVICER, service_folder, service_module


def serve_config_files(plan: Plan) -> tuple[GeneratedFile, ...]:
    """One file per workload, so that each can be deployed by itself."""
    return tuple(_file(plan, workload) for workload in plan.mesh.workloads)


def _file(plan: Plan, workload: Workload) -> GeneratedFile:
    graph, node = plan.mesh.graph, workload.node
    document = {
        "proxy_location": "HeadOnly",
        "http_options": {"host": "127.0.0.1"},
        "grpc_options": {"grpc_servicer_functions": [SERVICER]},
        "applications": [
            {
                "name": workload.application,
                # Serve lists the replicas of an application only when it has one.
                "route_prefix": f"/{workload.application}",
                "import_path": f"{service_module(graph, node)}:app",
                "deployments": [{"name": DEPLOYMENT, **config_options(workload.serve)}],
            }
        ],
    }
    return GeneratedFile.text(f"{service_folder(graph, node)}/serve.yaml", to_yaml(document, header=header(plan)))
