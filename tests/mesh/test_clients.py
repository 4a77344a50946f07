"""The clients that the README names, each as its user runs it, against a real mesh."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from running_mesh import MeshProcess

pytestmark = pytest.mark.mesh

ROOT = Path(__file__).parents[2]
NODE = ROOT / "docs/clients/node"
SUM = {"number": "5", "samples": [1, 2, 3], "operation": "sum"}
BAD = {**SUM, "operation": "median"}

CLIENTS = {
    "meshgen call GRAPH": [
        sys.executable,
        "-m",
        "meshgen",
        "call",
        "graphs/quickstart.py",
        "--address",
        "ADDRESS",
        "-i",
    ],
    "meshgen call ROUTE": [sys.executable, "-m", "meshgen", "call", "/quickstart", "--address", "ADDRESS", "-i"],
    "python": [sys.executable, "docs/clients/python/client.py", "ADDRESS"],
    "node": ["node", "docs/clients/node/client.mjs", "ADDRESS"],
}


def run(command: list[str], address: str, *more: str) -> subprocess.CompletedProcess[str]:
    arguments = [part.replace("ADDRESS", address) for part in command]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [*arguments, *more], cwd=ROOT, env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=60
    )


def needs_node(name: str) -> None:
    if name == "node" and not (shutil.which("node") and (NODE / "node_modules").is_dir()):
        # Continuous integration installs them (.ci/run), so there this is a failure and not a skip.
        assert not os.environ.get("CI"), "Node or its packages are missing"
        pytest.skip("Node or its packages are missing; see docs/clients/node/client.mjs")


@pytest.mark.parametrize("name", CLIENTS)
def test_client_gets_the_answer(mesh: MeshProcess, name: str) -> None:
    needs_node(name)
    done = run(CLIENTS[name], mesh.address, json.dumps(SUM))
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {"value": 16.0}


@pytest.mark.parametrize("name", CLIENTS)
def test_client_gets_the_error(mesh: MeshProcess, name: str) -> None:
    needs_node(name)
    done = run(CLIENTS[name], mesh.address, json.dumps(BAD))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.strip() == "INVALID_ARGUMENT: operation: 'median' is neither sum nor max"


def test_curl_and_buf_curl(mesh: MeshProcess) -> None:
    done = run(["bash", "docs/clients/curl.sh", "ADDRESS"], mesh.address)
    assert done.returncode == 0, done.stderr
    rest, _, grpc = done.stdout.partition("\n")
    assert json.loads(rest) == json.loads(grpc) == {"value": 16}


def test_call_names_the_routes_that_there_are(mesh: MeshProcess) -> None:
    done = run(CLIENTS["meshgen call ROUTE"], mesh.address, json.dumps(SUM), "--route", "nowhere")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("NOT_FOUND: the mesh has no route /quickstart/nowhere; it has ")
    assert "/quickstart" in done.stderr


def test_call_prints_the_trace_id(mesh: MeshProcess) -> None:
    done = run(CLIENTS["meshgen call ROUTE"], mesh.address, json.dumps(SUM), "--trace-id")
    assert done.returncode == 0
    assert len(done.stderr.split()[1]) == 32
