"""Where the user wrote what a change is about: a small project, edited, as `check` tells it."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_gate import meshgen

BEFORE = """
from dataclasses import dataclass
from enum import Enum
from typing import Generic, NamedTuple, TypedDict, TypeVar

from pydantic import BaseModel

from meshgen import DAGDriver, InputNode, deployment

T = TypeVar("T")

class Color(Enum):
    RED = 1
    BLUE = 2

class Base(BaseModel):
    kept: int

class Label(Base):
    score: int

class Pair(NamedTuple):
    left: int

class Keys(TypedDict):
    camelCase: int

Made = TypedDict("Made", {"made": int})

@dataclass
class Box(Generic[T]):
    item: T

@dataclass
class Request:
    label: Label
    flag: bool

@deployment
def work(
    label: Label,
    color: Color = Color.RED,
) -> Label:
    return label

@deployment
class Models:
    def first(self, label: Label, pairs: list[Pair], keys: list[Keys], made: list[Made], box: Box[int]) -> Request:
        return label

    def second(self, label: Label) -> int:
        return 1

with InputNode(Request) as request:
    label = work.bind(request.label)
    models = Models.bind()
    app = DAGDriver.bind({
        "/one": models.first.bind(label, [], [], [], Box(1)),
        "/two": models.second.bind(label),
    })
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    (folder / "pyproject.toml").touch()
    (folder / "g.py").write_text(BEFORE)
    done = meshgen(folder, "build", "g.py")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize(
    ("old", "new", "shown", "told"),
    [
        ("    score: int", "    score: float", "score", "field `score` of `Label` changed"),
        ("    kept: int", "    kept: str", "kept", "field `kept` of `Label` changed"),
        ("    score: int\n", "    pass\n", "Label", "field `score` of `Label` was removed"),
        ("    left: int", "    left: str", "left", "field `left` of `Pair` changed"),
        ("    camelCase: int", "    camelCase: str", "camelCase", "field `camelCase` of `Keys` changed"),
        ('{"made": int}', '{"made": str}', "first", "field `made` of `Made` changed"),
        ("    item: T", "    item: list[T]", "item", "field `item` of `BoxInt` changed"),
        ("    flag: bool", "    flag: int", "flag", "field `flag` of `Request` changed from bool to int"),
        ("    BLUE = 2", "    GREY = 2", "Color", "value `BLUE` of `Color` was removed"),
        ("    color: Color =", "    color: int = 1 or", "color", "parameter `color` of node `work` changed"),
        ("self, label: Label) -> int:", "self, label: Label) -> str:", "str", "the result of `second`"),
        ("(self, label: Label) -> int", "(self) -> int", "second", "parameter `label` of `second`"),
        ('"/two"', '"/three"', "D", "route /g/two was removed"),
    ],
)
def test_a_change_points_at_the_line(project: Path, old: str, new: str, shown: str, told: str) -> None:
    text = BEFORE.replace(old, new)
    assert text != BEFORE
    if "(self)" in text:
        text = text.replace("second.bind(label)", "second.bind()")
    (project / "g.py").write_text(text)
    lines = meshgen(project, "check", "g.py").stdout.splitlines()
    index = next(i for i, line in enumerate(lines) if told in line)
    place, source, caret = lines[index : index + 3]
    line, column = (int(part) for part in place.split(":")[1:3])
    assert source == "  " + text.splitlines()[line - 1]
    assert caret.strip("^ ") == ""
    assert source[caret.index("^") : caret.rindex("^") + 1] == shown
    assert column == caret.index("^") - 1


def test_the_fields_of_a_request_are_in_its_input(project: Path, tmp_path: Path) -> None:
    source = """
from meshgen import DAGDriver, InputNode, deployment

@deployment
def work(x: int) -> int:
    return x

with InputNode(name=str, x=int) as request:
    app = DAGDriver.bind(work.bind(request.x))
"""
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "h.py").write_text(source)
    assert meshgen(tmp_path, "build", "h.py").returncode == 0
    (tmp_path / "h.py").write_text(source.replace("name=str", "name=bytes"))
    assert "h.py:8:16: error MG407: field `name` of the request changed" in meshgen(tmp_path, "check", "h.py").stdout
    (tmp_path / "h.py").write_text(source.replace("work", "toil"))
    assert "h.py:9:11: error MG407: node `work` was removed" in meshgen(tmp_path, "check", "h.py").stdout
