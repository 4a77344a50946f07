"""Each folder of `problems/` is a graph file with problems and the text that a person gets for them.

`pytest tests/test_problems.py --accept` rewrites the texts.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CASES = Path(__file__).parent / "problems"
CHECK = """
import sys
from meshgen import GraphError
from meshgen.frontend import load_graph
try:
    print(*(w.render() for w in load_graph(sys.argv[1]).warnings), sep="\\n")
except GraphError as error:
    print(error)
"""


def check(folder: Path) -> str:
    """What loading the folder's graph says, in a fresh process with the folder as its project."""
    command = [sys.executable, "-c", CHECK, "graph.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    assert not done.stderr, done.stderr
    return done.stdout


@pytest.mark.parametrize("folder", sorted(p for p in CASES.iterdir() if p.is_dir()), ids=lambda p: p.name)
def test_problem(folder: Path, request: pytest.FixtureRequest) -> None:
    text = check(folder)
    expected = folder / "expected.txt"
    if request.config.getoption("--accept"):
        expected.write_text(text)
    assert text, "a case without a problem"
    assert text == expected.read_text()
