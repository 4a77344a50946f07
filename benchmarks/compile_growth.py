"""What `check`, `build`, `draw` and `local` take for graphs of more and more nodes, as whole processes.

python -m benchmarks.compile_growth     prints the table
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import ROOT

SIZES = (2, 10, 50, 100, 250, 500)
COMMANDS: Mapping[str, Callable[[str, Path], Sequence[str]]] = {
    "check": lambda file, _folder: ("check", file),
    "build": lambda file, folder: ("build", file, "--out", str(folder / "out")),
    "draw": lambda file, folder: ("draw", file, "--out", str(folder / "graph.svg")),
    "local": lambda file, _folder: ("local", file, "--input", '{"number": 1}'),
}
"""Arguments of meshgen by command; `local` compiles the graph and answers one request."""
ESTIMATE_S = 45.0
_RUNS = 3
_ENOUGH_S = 2.0
"""After which a command is not run again."""
_LIMIT_S = 45.0
"""After which it is killed, and not tried with more nodes."""
_HEAD = """\
from __future__ import annotations

from dataclasses import dataclass

from meshgen import DAGDriver, InputNode, deployment


@dataclass
class Item:
    number: int
    label: str
"""
_NODE = """

@deployment
def node_{n}(first: Item, second: Item) -> Item:
    return Item(first.number + second.number % {n}, "node {n}")
"""
_TAIL = """

@deployment
def begin(number: int) -> Item:
    return Item(number, "begin")


@deployment
def join(items: list[Item]) -> Item:
    return Item(sum(item.number for item in items), "join")


with InputNode(number=int) as request:
    items = [begin.bind(request.number)]
    for n, node in enumerate(({nodes}), 1):
        items.append(node.bind(items[max(n - {width}, 0)], items[max(n - {width} - n % 3, 0)]))
    app = DAGDriver.bind(join.bind(items[-{width}:]))
"""
_WIDTH = 10
"""Of the layers that the nodes come to lie in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of one command on one graph: the run that took least CPU."""

    command: str
    nodes: int
    seconds: float
    cpu_seconds: float
    peak_mb: float
    ended: bool = True
    """False when it was killed after that time."""


def source(nodes: int) -> str:
    """A graph of so many nodes: layers of ten, whose nodes take two of the layer before, and a join."""
    more = range(1, nodes - 1)
    listed = "".join(f"node_{n}, " for n in more)
    return _HEAD + "".join(_NODE.format(n=n) for n in more) + _TAIL.format(nodes=listed.rstrip(), width=_WIDTH)


def measure(say: Callable[[str], None], sizes: Sequence[int] = SIZES) -> Iterator[Cost]:
    """Every command at every size. Raises CalledProcessError when a command fails."""
    folder = Path(tempfile.mkdtemp(prefix="growth-", dir="/tmp"))
    too_slow: set[str] = set()
    try:
        (folder / "pyproject.toml").write_text("")  # a project of its own
        for nodes in sizes:
            name = f"grown_{nodes}.py"
            (folder / name).write_text(source(nodes))
            for command in [c for c in COMMANDS if c not in too_slow]:
                cost = _least(command, nodes, COMMANDS[command](name, folder), folder)
                note = "" if cost.ended else "  and not ready: killed"
                say(f"    {nodes:>4} nodes  {command:<6} {cost.seconds:7.2f} s  {cost.peak_mb:6.0f} MB{note}")
                if not cost.ended:
                    too_slow.add(command)
                yield cost
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _least(command: str, nodes: int, arguments: Sequence[str], folder: Path) -> Cost:
    begin = time.monotonic()
    costs = [_run(command, nodes, arguments, folder)]
    while len(costs) < _RUNS and time.monotonic() - begin < _ENOUGH_S:
        costs.append(_run(command, nodes, arguments, folder))
    return min(costs, key=lambda cost: cost.cpu_seconds)


def _run(command: str, nodes: int, arguments: Sequence[str], folder: Path) -> Cost:
    shutil.rmtree(folder / "out", ignore_errors=True)
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    argv = [sys.executable, "-m", "meshgen", *arguments]
    log = folder / "log.txt"
    begin = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(
            argv, cwd=folder, env={**environment, "PYTHONPATH": str(ROOT)}, stdout=output, stderr=output
        )
        status, usage = _waited(process)
    seconds = time.perf_counter() - begin
    killed = status == -signal.SIGKILL
    if status and not killed:
        raise subprocess.CalledProcessError(status, argv, log.read_text(errors="replace")[-2000:])
    return Cost(
        command=command,
        nodes=nodes,
        seconds=round(seconds, 3),
        cpu_seconds=round(usage.ru_utime + usage.ru_stime, 3),
        peak_mb=round(usage.ru_maxrss / 1024, 1),
        ended=not killed,
    )


def _waited(process: subprocess.Popen[bytes]) -> tuple[int, resource.struct_rusage]:
    """Exit code and what it used; it is killed when it takes too long."""
    hangs = threading.Timer(_LIMIT_S, process.kill)
    hangs.start()
    try:
        _, status, usage = os.wait4(process.pid, 0)
    finally:
        hangs.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage


if __name__ == "__main__":
    for _ in measure(print):
        pass
