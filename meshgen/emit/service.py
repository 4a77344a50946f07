"""`services/<graph>/<node>/service.py`: names a graph, a node and its contract; the logic is in the library."""

from __future__ import annotations

from meshgen.emit.output.files import GeneratedFile
from meshgen.emit.output.header import header
from meshgen.emit.output.pysource import Name, PythonSource, literal
from meshgen.plan.model import Plan, Workload
from meshgen.rayserve.names import service_folder

_APPLICATION = Name("meshgen.service", "application")
_PATH = Name("pathlib", "Path")


def service_files(plan: Plan) -> tuple[GeneratedFile, ...]:
    """One module per workload."""
    return tuple(GeneratedFile.text(service_path(plan, w), _module(plan, w)) for w in plan.mesh.workloads)


def service_path(plan: Plan, workload: Workload) -> str:
    """Where a workload's module lies."""
    return f"{service_folder(plan.mesh.graph, workload.node)}/service.py"


def _module(plan: Plan, workload: Workload) -> str:
    mesh = plan.mesh
    who = f"Node `{workload.node}`" if workload.node else "The driver"
    guests = ", ".join(f"`{guest.node}`" for guest in mesh.guests(workload))
    beside = f", with {guests} in its replicas," if guests else ""
    source = PythonSource(f"{who} of `{mesh.graph}`{beside} as a Ray Serve application.\n\n{header(plan)}\n")
    with source.block("app = ", _APPLICATION, "(", end=")"):
        source.print(f"graph={literal(mesh.source)},")
        source.print(f"node={literal(workload.node)},")
        source.print("contract=", _PATH, f'(__file__).parents[3] / "envoy/{mesh.graph}/descriptors.binpb",')
        source.print(f"options={literal(dict(workload.serve))},")
    return source.text()
