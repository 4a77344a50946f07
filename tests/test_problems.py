"""Each folder of `problems/` is a graph file with problems and the text that `meshgen check` gives for them.

A folder may hold a lock (`protos/graph/lock.json`), a `before.py` whose contracts are committed before `graph.py` is
checked, and a `target.txt` with another target than `graph.py`. `pytest tests/test_problems.py --accept` rewrites the
texts.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import warm_python

from meshgen.codes import CODES

CASES = Path(__file__).parent / "problems"
CHECK = """
import sys
from pathlib import Path
from meshgen import GraphError
from meshgen.cli.compiling import compared
from meshgen.frontend import load_graph
safe = ()
try:
    found = compared(load_graph(sys.argv[1]), Path.cwd(), allow_breaking=False)
    problems, safe = found.problems, found.safe_changes
except GraphError as error:
    problems = error.diagnostics
print(*(d.render() for d in problems), *safe, sep="\\n")
"""


def check(folder: Path) -> str:
    """What `meshgen check` says of the folder's graph, in a process of its own."""
    target = folder / "target.txt"
    return run(folder, "-c", CHECK, target.read_text().strip() if target.exists() else "graph.py")


def run(folder: Path, *arguments: str) -> str:
    done = warm_python.run(*arguments, cwd=folder)
    assert not done.stderr, done.stderr
    return done.stdout


def with_history(case: Path, folder: Path) -> Path:
    """A copy of the case in which `before.py` was built; the case's own lock replaces the one of that build."""
    folder.mkdir()
    (folder / "pyproject.toml").touch()
    shutil.copy(case / "before.py", folder / "graph.py")
    run(folder, "-m", "meshgen", "build", "graph.py")
    shutil.copytree(case, folder, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    return folder


@pytest.mark.parametrize("folder", sorted(p for p in CASES.iterdir() if p.is_dir()), ids=lambda p: p.name)
def test_problem(folder: Path, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    text = check(with_history(folder, tmp_path / "case") if (folder / "before.py").exists() else folder)
    expected = folder / "expected.txt"
    if request.config.getoption("--accept"):
        expected.write_text(text)
    assert text.strip(), "a case without a problem"
    assert text == expected.read_text()


def test_every_code_is_shown() -> None:
    shown = "".join(path.read_text() for path in CASES.glob("*/expected.txt"))
    assert [code for code in CODES if code not in shown] == []
