"""Work of the compiler as graphs grow, counted in calls of functions: a busy machine changes nothing about these."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from cProfile import Profile
from pathlib import Path

import pytest

from meshgen.cli.compiling import builds, checked
from meshgen.cli.drawing import drawing

WIDTH = 5
IMPORTS = "from __future__ import annotations\nfrom dataclasses import dataclass\nfrom meshgen import *\n"
NODE = "@deployment\ndef node_{i}(x: float) -> float: ...\n"
PAIR = "@deployment\ndef node_{i}(a: float, b: float) -> float: ...\n"
JOIN = "@deployment\ndef join(values: list[float]) -> float: ...\n"
RECORD = "@dataclass\nclass Value{i}:\n    number_{i}: float\n    items: list[int]\n"
CONVERT = "@deployment\ndef node_{i}(x: Value{j}) -> Value{i}: ...\n"


def chain(size: int) -> str:
    return _chained(size, "float", "".join(NODE.format(i=i) for i in range(size)))


def fan(size: int) -> str:
    nodes = "".join(NODE.format(i=i) for i in range(size))
    calls = ", ".join(f"node_{i}.bind(request.x)" for i in range(size))
    return (
        f"{IMPORTS}{nodes}{JOIN}with InputNode(x=float) as request:\n    app = DAGDriver.bind(join.bind([{calls}]))\n"
    )


def layers(size: int) -> str:
    nodes = "".join(PAIR.format(i=i) for i in range(size))
    lines = [f"v{i} = node_{i}.bind(request.x, request.x)" for i in range(WIDTH)]
    for i in range(WIDTH, size):
        left, right = i - WIDTH, i - WIDTH + 1 if (i + 1) % WIDTH else i - 2 * WIDTH + 1
        lines.append(f"v{i} = node_{i}.bind(v{left}, v{right})")
    lines.append(f"app = DAGDriver.bind(join.bind([{', '.join(f'v{i}' for i in range(size - WIDTH, size))}]))")
    return f"{IMPORTS}{nodes}{JOIN}with InputNode(x=float) as request:\n" + "".join(f"    {line}\n" for line in lines)


def records(size: int) -> str:
    classes = "".join(RECORD.format(i=i) for i in range(size))
    nodes = "".join(CONVERT.format(i=i, j=max(0, i - 1)) for i in range(size))
    return _chained(size, "Value0", classes + nodes)


def _chained(size: int, first: str, nodes: str) -> str:
    lines = ["v = request.x", *(f"v = node_{i}.bind(v)" for i in range(size)), "app = DAGDriver.bind(v)"]
    return f"{IMPORTS}{nodes}with InputNode(x={first}) as request:\n" + "".join(f"    {line}\n" for line in lines)


def check(target: str) -> None:
    assert not checked(target, allow_breaking=False)[0]


def build(target: str) -> None:
    (built,) = builds([target], None, allow_breaking=False).values()
    assert built.write()
    assert not built.stale()


def draw(target: str) -> None:
    assert "<svg" in drawing(target, ".svg")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "pyproject.toml").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.mark.parametrize("command", [check, build, draw])
@pytest.mark.parametrize("shape", [chain, fan, layers, records])
def test_twice_the_nodes_are_about_twice_the_work(
    shape: Callable[[int], str], command: Callable[[str], None], project: Path
) -> None:
    def work(size: int) -> int:
        file = project / f"{shape.__name__}_{command.__name__}_{size}.py"
        file.write_text(shape(size))
        return _calls(lambda: command(str(file)))

    work(WIDTH)  # what is done once in a process
    small, big = work(50), work(100)
    assert big / small < 2.05, (small, big)


def _calls(action: Callable[[], object]) -> int:
    profile = Profile()
    profile.runcall(action)
    return sum(entry.callcount for entry in profile.getstats())
