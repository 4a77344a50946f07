"""Each folder of `problems/` is a graph file with problems and the text that `meshgen check` gives for them.

A folder may hold a lock (`protos/graph/lock.json`), and a `target.txt` with another target than `graph.py`.
`pytest tests/test_problems.py --accept` rewrites the texts.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from meshgen.codes import CODES

CASES = Path(__file__).parent / "problems"
CHECK = """
import sys
from pathlib import Path
from meshgen import GraphError
from meshgen.cli.compiling import compiled
from meshgen.frontend import load_graph
try:
    found = compiled(load_graph(sys.argv[1]), Path.cwd()).diagnostics
except GraphError as error:
    found = error.diagnostics
print(*(d.render() for d in found), sep="\\n")
"""


def check(folder: Path) -> str:
    """What loading and compiling the folder's graph says, in a fresh process."""
    target = folder / "target.txt"
    command = [sys.executable, "-c", CHECK, target.read_text().strip() if target.exists() else "graph.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    assert not done.stderr, done.stderr
    return done.stdout


@pytest.mark.parametrize("folder", sorted(p for p in CASES.iterdir() if p.is_dir()), ids=lambda p: p.name)
def test_problem(folder: Path, request: pytest.FixtureRequest) -> None:
    text = check(folder)
    expected = folder / "expected.txt"
    if request.config.getoption("--accept"):
        expected.write_text(text)
    assert text.strip(), "a case without a problem"
    assert text == expected.read_text()


def test_every_code_is_shown() -> None:
    shown = "".join(path.read_text() for path in CASES.glob("*/expected.txt"))
    assert [code for code in CODES if code not in shown] == []
