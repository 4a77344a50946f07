"""A slip of the pen is one problem, at its line, that names what is wrong: see `slips.py`."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path

import pytest
import slips
import warm_python


@pytest.mark.parametrize("kind", slips.KINDS)
def test_each_slip_is_one_problem_at_its_line(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = [slip for slip in all_slips() if slip.kind == kind]
    wrong = [str(each) for each in slips.wrong_answers(made, tmp_path)]
    assert not wrong, "\n".join(wrong)


@cache
def all_slips() -> list[slips.Slip]:
    return [*slips.slips()]


def test_there_are_enough_of_them() -> None:
    counts = Counter(slip.kind for slip in all_slips())
    assert len(counts) >= 25
    assert min(counts.values()) >= 5


def said(*arguments: str, cwd: Path = slips.PROJECT) -> str:
    done = warm_python.run("-m", "meshgen", *arguments, cwd=cwd)
    assert done.returncode in (1, 2), done.stdout + done.stderr
    text = done.stdout + done.stderr
    assert "Traceback" not in text
    assert "site-packages" not in text
    return text


QUICKSTART = "graphs/quickstart.py"
GOOD = '{"number": "5", "samples": [1, 2, 3], "operation": "sum"}'


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["check", "nofile.py"], "there is no file 'nofile.py'"),
        (["check", "graphs/quickstrat.py"], "Did you mean `graphs/quickstart.py`?"),
        (["check", "graph/quickstart.py"], "There is no folder 'graph'"),
        (["check", "graphs.quickstrat:app"], "Did you mean `graphs.quickstart`?"),
        (["check", "graphs/quickstart"], "Did you mean `graphs/quickstart.py`?"),
        (["check", "graphs/quickstart.py:ap"], "Did you mean `app`?"),
        (["check", "graphs/quickstart.py:model_1"], "`model_1` is <node model_1>"),
        (["chekc", QUICKSTART], "chekc"),
        (["check", QUICKSTART, "--allow-braeking"], "--allow-breaking"),
        (["local", QUICKSTART, "-i", "{"], "--input is not JSON"),
        (["local", QUICKSTART, "-i", "[]"], "INVALID_ARGUMENT"),
        (["local", QUICKSTART, "-i", '{"number": 5, "samples": [1], "operation": "sum"}'], "number"),
        (["local", QUICKSTART, "-i", '{"numbr": "5", "samples": [1], "operation": "sum"}'], "number is required"),
        (["local", QUICKSTART, "-i", "@nofile.json"], "nofile.json"),
        (["local", QUICKSTART, "-i", GOOD, "-r", "/nowhere"], "no route '/nowhere'"),
        (["local", QUICKSTART, "-i", GOOD, "--timeout", "soon"], "soon"),
        (["local", QUICKSTART], "--input"),
        (["local", "nofile.py", "-i", GOOD], "nofile.py"),
        (["explain", "MG999"], "MG999"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_slips_on_the_command_line(arguments: list[str], named: str) -> None:
    assert named in said(*arguments)
