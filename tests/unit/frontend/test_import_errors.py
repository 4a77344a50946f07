"""What a graph's file raises while it is imported is one problem, at the user's line, with what to write instead."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from meshgen import GraphError
from meshgen.frontend import load_graph

HEAD = """
from dataclasses import dataclass, field
from typing import NamedTuple
from meshgen import DAGDriver, InputNode, deployment

class Undecorated:
    def go(self, a: int) -> int:
        return a

def plain(a: int) -> int:
    return a

@deployment
class Model:
    def go(self, a: int) -> int:
        return a

with InputNode(int) as request:
    app = DAGDriver.bind(Model.bind().go.bind(request))
"""


@pytest.mark.parametrize(
    ("line", "code", "message", "hint"),
    [
        ("Undecorated.bind(1)", "MG103", "no attribute 'bind'", "`@deployment` over `class Undecorated`"),
        ("Undecorated.options(name='x')", "MG103", "no attribute 'options'", "`@deployment` over `class Undecorated`"),
        ("plain.bind(1)", "MG103", "no attribute 'bind'", "`@deployment` over `def plain`"),
        ("Model.go.bind(1)", "MG103", "no attribute 'bind'", "`Model.bind(...).go.bind(...)`"),
        ("Model.bnid()", "MG103", "'Model' has no `bnid`. Did you mean `bind`?", ""),
        ("Model.gone.bind()", "MG103", "'Model' has no `gone`", ""),
        ("import beside", "MG103", "No module named 'beside'", "write `from graphs import beside`"),
        ("from beside import thing", "MG103", "No module named 'beside'", "write `from graphs import beside`"),
        ("import dataclases", "MG103", "No module named 'dataclases'", "`dataclasses`"),
        ("from meshgen import deploymnt", "MG103", "cannot import name 'deploymnt'", "`deployment`"),
        ("import json; json.dumpz(1)", "MG103", "no attribute 'dumpz'", "`.dump`"),
        ("requset", "MG103", "name 'requset' is not defined", "`request`"),
        ("Model.bind(", "MG102", "was never closed", ""),
        ("int('x')", "MG103", "ValueError: invalid literal", "`python -m graphs."),
        ("NamedTuple('Odd', [('1', int)])", "MG103", "ValueError", ""),
        ("raise SystemExit", "MG103", "SystemExit", ""),
        ("import broken_beside.inner", "MG103", "", ""),
    ],
)
def test_one_problem(line: str, code: str, message: str, hint: str, project: Path) -> None:
    found = problem(project, HEAD + line + "\n")
    assert (found.code, found.span.line) == (code, len(HEAD.splitlines()) + 1)
    assert Path(found.span.file) == project / "graphs" / f"{name(project)}.py"
    assert message in found.message
    assert hint in found.hint


@pytest.mark.parametrize("decorator", ["@dataclass", "@dataclass(\n    frozen=True,\n    slots=True,\n)"])
def test_a_mutable_default_is_at_its_field(decorator: str, project: Path) -> None:
    text = HEAD + decorator + "\nclass Parcel:\n    to: str\n    labels: list[str] = []\n    other: int = 1\n"
    found = problem(project, text)
    assert found.span.text.strip() == "labels: list[str] = []"
    assert (found.span.column, found.span.end_column) == (5, 11)
    assert "field(default_factory=list)" in found.hint


def test_an_error_in_another_file_of_the_project_is_there(project: Path) -> None:
    (project / "graphs" / "beside.py").write_text("x = 1\ny = 1 / 0\n")
    found = problem(project, "from graphs import beside\n" + HEAD)
    assert (Path(found.span.file).name, found.span.line) == ("beside.py", 2)


def test_a_library_that_fails_is_a_problem_of_the_line_that_imports_it(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = project / "lib" / "site-packages"
    packages.mkdir(parents=True)
    (packages / f"{name(project)}_library.py").write_text("def f(:\n")
    (packages / f"{name(project)}_other.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(packages)
    for library in ("library", "other"):
        found = problem(project, f"x = 1\nimport {name(project)}_{library}\n" + HEAD)
        assert (found.code, found.span.line, Path(found.span.file).parent) == ("MG103", 2, project / "graphs")


@pytest.mark.parametrize(
    ("file", "hint"),
    [
        ("dash-name.py", "Rename the file to `dash_name.py`"),
        ("1st.py", "Rename the file to `graph_1st.py`"),
        ("my-graphs/x.py", "Rename the folder to `my_graphs`"),
    ],
)
def test_names_that_are_no_modules(file: str, hint: str, project: Path) -> None:
    (project / file).parent.mkdir(exist_ok=True)
    (project / file).write_text(HEAD)
    with pytest.raises(GraphError) as caught:
        load_graph(str(project / file))
    assert hint in caught.value.diagnostics[0].hint


def test_no_such_attribute(project: Path) -> None:
    text = HEAD + "if True:\n    other = Model.bind()\n"
    file = project / "graphs" / f"{name(project)}.py"
    file.write_text(text)
    for attribute, message, line, hint in (
        ("ap", "has no `ap`", 1, "`app`"),
        ("other", "`other` is <node model>", len(text.splitlines()), ":app`"),
        ("request", "`request` is <graph value input>", 1, ":app`"),
    ):
        with pytest.raises(GraphError) as caught:
            load_graph(f"{file}:{attribute}")
        (found,) = caught.value.diagnostics
        assert message in found.message
        assert hint in found.hint
        assert found.span.line == line


def test_a_library_that_decorates_is_not_blamed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages = project / "lib" / "site-packages"
    packages.mkdir(parents=True)
    library = f"{name(project)}_nodes"
    (packages / f"{library}.py").write_text("def double(x, y):\n    return x\n\ndef made(i):\n    return i.bind()\n")
    monkeypatch.syspath_prepend(packages)
    text = f"""
from meshgen import DAGDriver, InputNode, deployment
import {library}
double = deployment({library}.double)
with InputNode(int) as request:
    {library}.made(request)
    app = DAGDriver.bind(double.bind(request))
"""
    assert problem(project, text).span.line == 6
    assert problem(project, text.replace(f"    {library}.made(request)\n", "")).span.line == 6


def name(project: Path) -> str:
    return f"imports_{project.name.replace('-', '_')}"


def problem(project: Path, text: str):  # type: ignore[no-untyped-def]
    file = project / "graphs" / f"{name(project)}.py"
    file.write_text(text)
    with pytest.raises(GraphError) as caught:
        load_graph(str(file))
    (found,) = caught.value.diagnostics
    return found


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "graphs").mkdir()
    (tmp_path / "graphs" / "beside.py").write_text("thing = 1\n")
    (tmp_path / "graphs" / "broken_beside").mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.delitem(sys.modules, "graphs", raising=False)
    before = {*sys.modules}
    yield tmp_path
    for module in {*sys.modules} - before:
        sys.modules.pop(module)
