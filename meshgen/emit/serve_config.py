"""`services/<graph>/<node>/serve.yaml`: a Serve config file, for `serve deploy` and for Kubernetes."""

from __future__ import annotations

from meshgen.emit.output.document import to_yaml
from meshgen.emit.output.files import GeneratedFile
from meshgen.emit.output.header import header
from meshgen.plan.model import Plan, Workload
from meshgen.plan.options import config_options

_DRIVER = "driver"
_DEPLOYMENT = "node"


def serve_config_files(plan: Plan) -> tuple[GeneratedFile, ...]:
    """One file per workload, so that each can be deployed by itself."""
    return tuple(_file(plan, workload) for workload in plan.mesh.workloads)


def _file(plan: Plan, workload: Workload) -> GeneratedFile:
    folder = f"services/{plan.mesh.graph}/{workload.node or _DRIVER}"
    document = {
        "proxy_location": "HeadOnly",
        "http_options": {"host": "127.0.0.1"},
        "grpc_options": {"grpc_servicer_functions": ["meshgen.runtime.mesh.server.add"]},
        "applications": [
            {
                "name": workload.application,
                # Serve lists the replicas of an application only when it has one.
                "route_prefix": f"/{workload.application}",
                "import_path": f"{folder.replace('/', '.')}.service:app",
                "deployments": [{"name": _DEPLOYMENT, **config_options(workload.serve)}],
            }
        ],
    }
    return GeneratedFile.text(f"{folder}/serve.yaml", to_yaml(document, header=header(plan)))
