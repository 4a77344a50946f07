"""Names that several parts must agree on, against what they name."""

from __future__ import annotations

import pkgutil

import plan_samples
import pytest

from meshgen.emit.serve_config import serve_config_files
from meshgen.emit.service import service_files
from meshgen.rayserve.names import DEPLOYMENT, SERVICER, service_folder, service_module


def test_the_servicer_is_what_the_name_says() -> None:
    pytest.importorskip("grpc")
    from meshgen.runtime.mesh import server

    assert pkgutil.resolve_name(SERVICER) is server.add


def test_a_deployment_has_its_name() -> None:
    pytest.importorskip("ray.serve")
    from meshgen.runtime.mesh import replica

    assert replica.deployment(options={}, version="1")._bound_deployment.name == DEPLOYMENT


def test_services_lie_where_they_are_looked_for() -> None:
    assert service_folder("g", "n") == "services/g/n"
    assert service_module("g", None) == "services.g.driver.service"
    plan = plan_samples.plan()
    folders = [service_folder(plan.mesh.graph, w.node) for w in plan.mesh.workloads]
    assert [f.path for f in service_files(plan)] == [f"{folder}/service.py" for folder in folders]
    assert [f.path for f in serve_config_files(plan)] == [f"{folder}/serve.yaml" for folder in folders]
