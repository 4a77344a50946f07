"""A client that was made from the contracts of before still works against the mesh of the edited graph."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from conftest import MeshStarter

pytestmark = pytest.mark.mesh

CASE = Path(__file__).parent / "evolving"
OLD_JSON = {"name": "x", "samples": [1], "shape_circle": {"radius": 2}, "color": "COLOR_RED"}


def run(folder: Path, *arguments: str | Path, env: Mapping[str, str] | None = None) -> str:
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with the graph of before, built and committed as it were."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").touch()
    shutil.copy(CASE / "before/evolving.py", folder)
    run(folder, "-m", "meshgen", "build", "evolving.py")
    return folder


@pytest.fixture
def old_stubs(project: Path, tmp_path: Path) -> Path:
    """What `protoc` makes of the contracts of before."""
    out = tmp_path / "stubs"
    out.mkdir()
    protos = project / "protos"
    roots = (protos / "third_party", protos)
    own = [path.relative_to(protos) for path in protos.rglob("*.proto") if "third_party" not in path.parts]
    options = (*(f"-I{root}" for root in roots), f"--python_out={out}", f"--grpc_python_out={out}")
    run(out, "-m", "grpc_tools.protoc", *options, *own, "buf/validate/validate.proto")
    return out


def test_old_clients_survive_safe_edits(project: Path, old_stubs: Path, new_mesh: MeshStarter) -> None:
    shutil.copy(CASE / "after/evolving.py", project)
    said = run(project, "-m", "meshgen", "build", "evolving.py", "--allow-breaking")
    breaking = [line for line in said.splitlines() if "MG407" in line]
    assert len(breaking) == 1
    assert "field `name` of `Job` is called `job_name` now: old clients that use JSON" in breaking[0]

    mesh = new_mesh(str(project / "evolving.py")).start()
    env = {**os.environ, "PYTHONPATH": str(old_stubs)}
    answer = json.loads(run(old_stubs, CASE / "old_client.py", mesh.address, env=env))
    assert answer == {
        "answers": [
            {"title": "First Job", "color": "COLOR_GREEN", "total": 9.0, "shape": "shape_square", "size": 3.0},
            {"title": "Second", "color": "COLOR_RED", "total": 0.0, "shape": "shape_circle", "size": 2.0},
        ],
        "measured": 10.0,
    }
    refused = mesh.post("/evolving", OLD_JSON)  # as was said of clients that use JSON
    assert refused.status == 400
    assert "job_name" in json.dumps(refused.body)
    assert mesh.post("/evolving", {**OLD_JSON, "job_name": "x"}).body["title"] == "X"
    assert mesh.stop() == 0, mesh.output
