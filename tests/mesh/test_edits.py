"""A run serves the code that it started with; with `--reload` it serves what edits make of it."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from running_mesh import until
from traffic import Traffic

if TYPE_CHECKING:
    from conftest import MeshStarter
    from running_mesh import MeshProcess

pytestmark = pytest.mark.mesh

GRAPH = """
import os
from pathlib import Path

from meshgen import DAGDriver, InputNode, deployment
from shop.words import WORD

LABEL = Path(__file__).with_name("label.txt").read_text()


@deployment(health_check_period_s=1)
def say(text: str) -> str:
    if text == "fail":
        raise LookupError("as it was")  # at the start
    if text == "late":
        from shop.late import LATE

        return LATE
    return f"{WORD} {LABEL} {os.getpid()}"


@deployment
def other(text: str) -> int:
    return os.getpid()


with InputNode(text=str) as request:
    app = DAGDriver.bind({"/say": say.bind(request.text), "/other": other.bind(request.text)})
"""


class Project:
    """Somebody's project, with a graph in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.graph = root / "shop" / "prices.py"
        for name, text in {
            "pyproject.toml": "",
            "shop/prices.py": GRAPH,
            "shop/words.py": "WORD = 'one'\n",
            "shop/late.py": "LATE = 'late'\n",
            "shop/label.txt": "label",
        }.items():
            self.write(name, text)

    def write(self, name: str, text: str) -> None:
        (self.root / name).parent.mkdir(exist_ok=True)
        (self.root / name).write_text(text)

    def edit(self, old: str, new: str) -> None:
        text = self.graph.read_text()
        assert old in text
        self.graph.write_text(text.replace(old, new))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project")


def _said(mesh: MeshProcess, text: str = "x") -> str:
    reply = mesh.post("/prices/say", {"text": text})
    return str(reply.body["result"]) if reply.status == 200 else f"{reply.status} {reply.body}"


def _pid(mesh: MeshProcess) -> int:
    return int(_said(mesh).split()[-1])


def _answer_of_other(mesh: MeshProcess) -> Any:
    """None while the port is shut, for the front takes the new contracts."""
    try:
        return mesh.post("/prices/other", {"text": "x"}).body
    except OSError:
        return None


def _replaced(mesh: MeshProcess) -> None:
    """Kill the replica of `say`, and wait for the next one."""
    before = _pid(mesh)
    os.kill(before, signal.SIGKILL)
    until(lambda: (said := _said(mesh)).startswith("one") and int(said.split()[-1]) != before, 60, lambda: _said(mesh))


def test_a_new_replica_serves_what_the_run_started_with(new_mesh: MeshStarter, project: Project) -> None:
    mesh = new_mesh(str(project.graph)).start()
    assert _said(mesh).startswith("one label ")
    project.write("shop/words.py", "WORD = 1 / 0\n")
    (project.root / "shop/late.py").unlink()
    project.graph.write_text("((((")
    _replaced(mesh)
    assert _said(mesh, "late") == "late", "what is imported when it is needed, too"
    assert _said(mesh, "fail").startswith("500")
    line = GRAPH.splitlines().index('        raise LookupError("as it was")  # at the start') + 1
    frame = re.escape(f'File "{project.graph}", line {line}, in say')
    shown = frame + r'\n\s+raise LookupError\("as it was"\)  # at the start\n'
    until(lambda: re.search(shown, mesh.stderr), 20, lambda: mesh.stderr)
    project.graph.unlink()
    (project.root / "pyproject.toml").unlink()
    _replaced(mesh)
    assert mesh.stop() == 0, mesh.output
    assert mesh.leftovers() == []


def test_edits_are_served_when_they_can_be(new_mesh: MeshStarter, project: Project) -> None:
    mesh = new_mesh(str(project.graph), options=("--port", "0", "--reload")).start()
    first, other = _pid(mesh), mesh.post("/prices/other", {"text": "x"}).body

    with Traffic(mesh, "/prices/say", clients=4) as traffic:
        until(lambda: len(traffic.replies) > 10, 20)
        project.write("shop/words.py", "WORD = 'two'\n")
        until(lambda: _said(mesh).startswith("two"), 60, lambda: mesh.stderr)
        until(lambda: sum("two" in str(body) for _, _, body, _ in traffic.replies) > 20, 20)
    failed = [reply[1:3] for reply in traffic.replies if reply[1] != 200]
    assert not failed, f"{len(failed)} of {len(traffic.replies)} failed: {failed[0]}"
    assert _pid(mesh) != first
    assert mesh.post("/prices/other", {"text": "x"}).body == other, "nothing of it has changed"

    second = _pid(mesh)
    project.write("shop/words.py", "WORD = (\n")
    until(lambda: "what ran before goes on" in mesh.stderr, 60, lambda: mesh.stderr)
    assert "shop/words.py:1:8: error MG102: SyntaxError: '(' was never closed" in mesh.stderr
    assert _said(mesh) == f"two label {second}"

    project.write("shop/words.py", "WORD = 'two'\n")
    project.edit("def other(text: str) -> int:", "def other(text: str) -> bool:")
    project.edit("    return os.getpid()\n", "    return True\n")
    until(lambda: _answer_of_other(mesh) == {"result": True}, 60, lambda: mesh.stderr)
    assert _said(mesh) == f"two label {second}"
    assert mesh.stop() == 0, mesh.output
    assert ") ended: " not in mesh.stderr, "all replicas that have gone were asked to"
    assert mesh.leftovers() == []
