"""`check` and `build` against the contracts on record, as a user runs them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import warm_python

LOCK = "protos/g/lock.json"
DESCRIPTORS = "envoy/g/descriptors.binpb"
SOURCE = """
from meshgen import DAGDriver, InputNode, deployment

@deployment
def node(x: int{more}) -> {result}:
    return x

with InputNode(x=int) as request:
    app = DAGDriver.bind(node.bind(request.x))
"""


def meshgen(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return warm_python.run("-m", "meshgen", *arguments, cwd=project)


def edit(project: Path, *, result: str = "int", more: str = "") -> None:
    (project / "g.py").write_text(SOURCE.format(result=result, more=more))


def files(project: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in project.rglob("*") if path.is_file() and path.suffix != ".pyc"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    (folder / "pyproject.toml").touch()
    edit(folder)
    done = meshgen(folder, "build", "g.py")
    assert (done.returncode, done.stderr) == (0, "")
    return folder


@pytest.fixture
def project(built: Path, tmp_path: Path) -> Path:
    """A project with one graph, built."""
    return shutil.copytree(built, tmp_path / "project")


def test_a_breaking_change_stops_check_and_build(project: Path) -> None:
    edit(project, result="float")
    before = files(project)
    check = meshgen(project, "check", "g.py")
    assert check.returncode == 1
    assert "error MG407: the result of node `node` changed from int to float: " in check.stdout
    assert check.stdout.endswith("g.py: 2 errors, 0 warnings\n")
    for options in ((), ("--check",)):
        build = meshgen(project, "build", "g.py", *options)
        assert build.returncode == 1
        assert build.stdout == ""
        assert "error MG407: field `result` of the response changed from int to float: " in build.stderr
    assert files(project) == before


def test_a_breaking_change_that_is_allowed_is_told_and_built(project: Path) -> None:
    edit(project, result="float")
    check = meshgen(project, "check", "g.py", "--allow-breaking")
    assert check.returncode == 0
    assert check.stdout.endswith("g.py: 0 errors, 2 warnings\n")
    build = meshgen(project, "build", "g.py", "--allow-breaking")
    assert build.returncode == 0
    assert build.stderr.count("warning MG407: ") == 2
    again = meshgen(project, "check", "g.py")
    assert (again.returncode, again.stdout) == (0, "g.py: 0 errors, 0 warnings\n")


def test_a_safe_change_is_told_and_built(project: Path) -> None:
    edit(project, more=", scale: float = 1.0")
    told = (
        "g.py: 1 safe change since the committed contracts\n"
        "  parameter `scale` of node `node` is new: old clients and nodes still work; old nodes do not see it\n"
    )
    check = meshgen(project, "check", "g.py")
    assert (check.returncode, check.stdout) == (0, told + "g.py: 0 errors, 0 warnings\n")
    build = meshgen(project, "build", "g.py")
    assert (build.returncode, build.stderr) == (0, "")
    assert build.stdout.startswith(told)
    assert meshgen(project, "build", "g.py", "--check").stdout == "up to date\n"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("no descriptors", f"{LOCK} is there, but {DESCRIPTORS} is not"),
        ("no lock", f"{DESCRIPTORS} is there, but {LOCK} is not"),
        ("neither", "protos/g/v1/g.proto is there, but its lock is not"),
        ("not protobuf", f"{DESCRIPTORS} is damaged"),
        ("of something else", f"{DESCRIPTORS} is damaged: it has no contract of g"),
    ],
)
def test_a_record_that_is_incomplete(project: Path, damage: str, message: str) -> None:
    match damage:
        case "no descriptors":
            (project / DESCRIPTORS).unlink()
        case "no lock":
            (project / LOCK).unlink()
        case "neither":
            (project / LOCK).unlink()
            (project / DESCRIPTORS).unlink()
        case "not protobuf":
            (project / DESCRIPTORS).write_text("version https://git-lfs.github.com/spec/v1\n")
        case _:
            (project / DESCRIPTORS).write_bytes(b"")
    build = meshgen(project, "build", "g.py")
    assert (build.returncode, build.stdout) == (1, "")
    assert f"error MG403: {message}" in build.stderr
    assert "Restore it from version control" in build.stderr
    allowed = meshgen(project, "build", "g.py", "--allow-breaking")
    assert allowed.returncode == 0
    assert f"warning MG403: {message}" in allowed.stderr
    assert meshgen(project, "build", "g.py", "--check").returncode == 0


def test_what_breaks_without_a_lock_is_still_said(project: Path) -> None:
    (project / LOCK).unlink()
    edit(project, result="float")
    allowed = meshgen(project, "check", "g.py", "--allow-breaking")
    assert f"warning MG403: {DESCRIPTORS} is there, but {LOCK} is not" in allowed.stdout
    assert "warning MG407: the result of node `node` changed from int to float and kept its number: " in allowed.stdout


def test_a_lock_that_is_not_text(project: Path) -> None:
    (project / LOCK).write_bytes(b"\xff\xfe\x00")
    done = meshgen(project, "check", "g.py")
    assert done.returncode == 1
    assert f"{LOCK}:1:1: error MG401: the lock is not JSON" in done.stdout


def test_another_folder_has_a_record_of_its_own(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    edit(project, result="float")
    out = tmp_path_factory.mktemp("out")
    assert meshgen(project, "build", "g.py", "--out", str(out)).returncode == 0


def test_build_prints_the_warnings_that_check_prints(project: Path) -> None:
    (project / "g.py").write_text("from typing import Any\n" + SOURCE.format(result="int", more=", note: Any = None"))
    check, build = meshgen(project, "check", "g.py"), meshgen(project, "build", "g.py")
    assert (check.returncode, build.returncode) == (0, 0)
    assert build.stderr.count("warning MG409: ") == 1
    assert build.stderr in check.stdout
