"""Which file a name stands for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

GRAPH = """
from meshgen import DAGDriver, InputNode, deployment

@deployment
def f(x: float) -> float:
    return x

with InputNode(float) as x:
    app = DAGDriver.bind(f.bind(x))
    other = DAGDriver.bind(f.bind(x))
"""

LOAD = """
import sys
from meshgen import GraphError
from meshgen.frontend import load_graph
for target in sys.argv[1:]:
    try:
        loaded = load_graph(target)
        print(loaded.graph.name, loaded.graph.source, loaded.root.name)
    except GraphError as error:
        print(error)
"""


def load(folder: Path, *targets: str) -> str:
    done = subprocess.run(
        [sys.executable, "-P", "-c", LOAD, *targets], cwd=folder, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout


def graph(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(GRAPH)
    return path


def test_forms_of_a_target_and_names_of_graphs(tmp_path: Path) -> None:
    graph(tmp_path / "graphs" / "reviews.py")
    (tmp_path / "pyproject.toml").touch()
    said = load(tmp_path, "graphs/reviews.py", "graphs/reviews.py:other", "graphs.reviews:app")
    assert said.splitlines() == [
        f"reviews graphs/reviews.py:app {tmp_path.name}",
        f"reviews_other graphs/reviews.py:other {tmp_path.name}",
        f"reviews graphs/reviews.py:app {tmp_path.name}",
    ]


def test_the_project_is_the_folder_of_the_nearest_pyproject(tmp_path: Path) -> None:
    graph(tmp_path / "project" / "graphs" / "x.py")
    (tmp_path / "project" / "pyproject.toml").touch()
    assert load(tmp_path, "project/graphs/x.py") == "x graphs/x.py:app project\n"


@pytest.mark.parametrize("name", ["string.py", "meshgen.py"])
def test_a_name_that_another_module_has(tmp_path: Path, name: str) -> None:
    graph(tmp_path / name)
    said = load(tmp_path, name)
    assert "error MG101" in said
    assert "cannot be imported: the name" in said


def test_two_projects_with_one_module_name(tmp_path: Path) -> None:
    for project in ("a", "b"):
        graph(tmp_path / project / "graphs" / "x.py")
        (tmp_path / project / "pyproject.toml").touch()
    first, second, *_ = load(tmp_path, "a/graphs/x.py", "b/graphs/x.py").splitlines()
    assert first == "x graphs/x.py:app a"
    assert "'b/graphs/x.py' cannot be imported: the name 'graphs.x' is a/graphs/x.py" in second


def test_a_missing_dependency_is_not_a_missing_graph(tmp_path: Path) -> None:
    (tmp_path / "needs_graph.py").write_text("import needs\n")
    said = load(tmp_path, "needs_graph.py", "nowhere.graph", "nowhere/graph.py", "what?")
    assert "needs_graph.py:1:1: error MG103: importing 'needs_graph' raised ModuleNotFoundError" in said
    assert "error MG101: there is no module 'nowhere'" in said
    assert "error MG101: there is no file 'nowhere/graph.py'" in said
    assert "error MG101: 'what?' names no graph" in said


def test_an_edit_that_python_would_miss_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    file = graph(tmp_path / "reviews.py")
    assert load(tmp_path, "reviews.py:other").startswith("reviews_other ")
    written = file.stat()
    file.write_text(GRAPH.replace("other = ", "hrtoe = "))
    os.utime(file, ns=(written.st_atime_ns, written.st_mtime_ns))
    assert list((tmp_path / "__pycache__").glob("reviews.*.pyc")), "Python has a compiled module of that time and size"
    assert load(tmp_path, "reviews.py:hrtoe").startswith("reviews_hrtoe ")


def test_what_no_route_needs_is_a_warning_of_its_own_file(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    graph(tmp_path / "first.py").write_text(GRAPH.replace("other = DAGDriver.bind(f.bind(x))", "other = f.bind(x)"))
    graph(tmp_path / "second.py").write_text("import first\n" + GRAPH)
    program = "import sys; from meshgen.frontend import load_graph; print(*load_graph(sys.argv[1]).warnings)"
    for name, count in (("first.py", 1), ("second.py", 0)):
        done = subprocess.run(
            [sys.executable, "-P", "-c", program, name], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        assert done.stdout.count("MG218") == count
