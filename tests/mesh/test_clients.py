"""`meshgen call`, and docs/clients.md as its reader follows it, against a real mesh."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from browser import PACKAGES, Seen, browse, needs
from running_mesh import MeshProcess

pytestmark = pytest.mark.mesh

ROOT = Path(__file__).parents[2]
SUM = {"number": "5", "samples": [1, 2, 3], "operation": "sum"}
BAD = {**SUM, "operation": "median"}

# --- meshgen call --------------------------------------------------------------------------------------------------

TARGETS = {"GRAPH": "graphs/quickstart.py", "ROUTE": "/quickstart"}


def call(mesh: MeshProcess, target: str, value: object, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "meshgen", "call", target, "--address", mesh.address, "-i", json.dumps(value)]
    return subprocess.run([*command, *more], cwd=ROOT, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_call_gets_the_answer(mesh: MeshProcess, target: str) -> None:
    done = call(mesh, target, SUM)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {"value": 16.0}


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_call_gets_the_error(mesh: MeshProcess, target: str) -> None:
    done = call(mesh, target, BAD)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.strip() == "INVALID_ARGUMENT: operation: 'median' is neither sum nor max"


def test_call_names_the_routes_that_there_are(mesh: MeshProcess) -> None:
    done = call(mesh, "/quickstart", SUM, "--route", "nowhere")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("NOT_FOUND: the mesh has no route /quickstart/nowhere; it has ")
    assert "/quickstart" in done.stderr


def test_call_prints_the_trace_id(mesh: MeshProcess) -> None:
    done = call(mesh, "/quickstart", SUM, "--trace-id")
    assert done.returncode == 0
    assert len(done.stderr.split()[1]) == 32


# --- docs/clients.md -----------------------------------------------------------------------------------------------

Blocks = list[tuple[str, str]]
"""Language and text."""


def sections() -> dict[str, Blocks]:
    """The code of the page by heading."""
    _, *parts = re.split(r"^## ", (ROOT / "docs/clients.md").read_text(), flags=re.MULTILINE)
    code = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
    return {part.partition("\n")[0]: code.findall(part) for part in parts}


PAGE = sections()
NODE_SECTIONS = ("Node", "Browser")


def test_the_page_shows_each_client() -> None:
    assert list(PAGE) == ["REST", "buf curl", "Python, typed", "Python, plain gRPC", "Node", "Browser"]
    assert all(list(commands(blocks)) for blocks in PAGE.values())


@pytest.fixture
def project(tmp_path: Path, mesh: MeshProcess) -> Path:
    """The folder of a project: what `meshgen build` writes, and the files that the page shows."""
    build = [sys.executable, "-m", "meshgen", "build", "graphs/quickstart.py", "--out", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=60)
    if PACKAGES.is_dir():
        (tmp_path / "node_modules").symlink_to(PACKAGES)
    for _, text in (block for blocks in PAGE.values() for block in blocks):
        if named := re.match(r"(?:#|//|<!--) ([\w/]+\.\w+)(?: -->)?\n", text):
            file = tmp_path / named[1]
            file.parent.mkdir(exist_ok=True)
            file.write_text(at(mesh, text))
    return tmp_path


def at(mesh: MeshProcess, text: str) -> str:
    return text.replace("localhost:8080", mesh.address)


def commands(blocks: Blocks) -> Iterator[tuple[str, str]]:
    """Each `$ command` with what is shown below it."""
    for language, text in blocks:
        if language == "console":
            for entry in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
                command, _, shown = entry.partition("\n")
                yield command, shown


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    env = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "MYPY_CACHE_DIR": str(ROOT / ".mypy_cache/clients"),
    }
    return subprocess.run(["bash", "-c", command], cwd=folder, env=env, capture_output=True, text=True, timeout=180)


@pytest.mark.parametrize("section", PAGE)
def test_commands_print_what_the_page_shows(project: Path, mesh: MeshProcess, section: str) -> None:
    if section in NODE_SECTIONS:
        needs("node", "npm")
    for command, shown in commands(PAGE[section]):
        done = run(at(mesh, command), project)
        if shown:
            pattern = ".*".join(map(re.escape, shown.rstrip().split("…")))
            assert re.fullmatch(pattern, done.stdout.rstrip(), re.DOTALL), f"{command}\n{done.stdout}\n{done.stderr}"
        else:
            assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


# --- a browser -----------------------------------------------------------------------------------------------------


@contextmanager
def served(folder: Path) -> Iterator[int]:
    """The port of a web server for a folder: another origin than the mesh."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()


@pytest.fixture
def page(project: Path, mesh: MeshProcess) -> Iterator[int]:
    """The port where the page's own page is served, bundled."""
    needs("node", "npm", "chromium")
    for command, _ in commands(PAGE["Browser"]):
        done = run(at(mesh, command), project)
        assert done.returncode == 0, done.stderr
    with served(project / "web") as port:
        yield port


def shown(url: str, profile: Path) -> Seen:
    """The page with a line for each of its three calls."""
    return browse(url, r"document.querySelector('#shown').textContent.match(/^(.*\n){3}$/)?.[0]", profile)


def test_a_page_calls_the_mesh_from_another_origin(page: int, tmp_path: Path) -> None:
    """An answer, an error, and an error with field violations, over gRPC-Web."""
    expected = next(text for language, text in PAGE["Browser"] if language == "text")
    seen = shown(f"http://localhost:{page}/", tmp_path / "profile")
    assert seen.value == expected, seen


def test_a_page_of_a_foreign_origin_is_refused(page: int, tmp_path: Path) -> None:
    seen = shown(f"http://pages.test:{page}/", tmp_path / "profile")
    assert seen.value == "Unknown: Failed to fetch []\n" * 3, seen
    assert "blocked by CORS policy" in "\n".join(seen.log)
