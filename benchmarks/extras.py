"""What is measured without load: how long a whole command takes, and what a replica weighs."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import psutil

from benchmarks.load import OK, WRONG, Tally
from benchmarks.processes import ROOT, members

COLD_START = "cold_start"
COMMAND = "command"
MEMORY_DRIVER = "memory_driver"
MEMORY_NODE = "memory_node"
TITLES: Mapping[str, str] = {
    COLD_START: "cold start to first answer",
    COMMAND: "`meshgen local graphs/quickstart.py`, the whole process",
    MEMORY_DRIVER: "memory of the replica that runs the graph",
    MEMORY_NODE: "memory of a node's replica",
}
_RUNS = 7
_MEGABYTE = 1024 * 1024
_REPLICA = "ray::ServeReplica:"
# Application and deployment of what is called by clients: meshgen's, and that of the hand-written Serve graph.
_DRIVERS = ("works:node", "works_fused:node", "works:Front")

_REQUEST = {"number": "5", "samples": [1, 2, 3], "operation": "sum"}
_COMMANDS: Mapping[str, tuple[Sequence[str], Any]] = {
    "local": (("-m", "meshgen", "local", "graphs/quickstart.py", "--input", json.dumps(_REQUEST)), {"value": 16.0}),
    "plain": (("-c", "import dataclasses, json; print(json.dumps(None))"), None),
}
"""Arguments of Python, and the JSON that must be on stdout; `plain` is the least that such a command could take."""


def commands(contestant: str) -> dict[str, Any] | None:
    """Run the contestant's command some times, one after the other; None when it has none."""
    if contestant not in _COMMANDS:
        return None
    arguments, answer = _COMMANDS[contestant]
    tally = Tally()
    used, peak = 0.0, 0
    for _ in range(_RUNS):
        begin = time.perf_counter_ns()
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"},
        )
        text = process.stdout.read() if process.stdout is not None else b""
        _, status, usage = os.wait4(process.pid, 0)
        took = time.perf_counter_ns() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        tally.add(OK if process.returncode == 0 and json.loads(text) == answer else WRONG, took)
        tally.seconds += took / 1e9
        used += usage.ru_utime + usage.ru_stime
        peak = max(peak, usage.ru_maxrss)
    return {**tally.report(), "cpu_ms_per_request": 1e3 * used / _RUNS, "peak_rss_mb": peak / 1024}


def replicas(mark: str) -> dict[str, dict[str, Any]]:
    """Resident memory of the contestant's Serve replicas: of the driver, and the median of the nodes; by work."""
    driver: list[int] = []
    nodes: list[int] = []
    for process in members(mark):
        with suppress(psutil.Error):
            title = " ".join(process.cmdline())
            if title.startswith(_REPLICA):
                name = title.removeprefix(_REPLICA).split(".")[0].strip()
                (driver if name in _DRIVERS else nodes).append(process.memory_info().rss)
    found = {MEMORY_DRIVER: driver, MEMORY_NODE: nodes}
    return {work: _weight(statistics.median(sizes)) for work, sizes in found.items() if sizes}


def _weight(size: float) -> dict[str, Any]:
    nothing = dict.fromkeys(("rps", "p50_ms", "p95_ms", "p99_ms", "cpu_ms_per_request"), 0.0)
    return {**nothing, "peak_rss_mb": size / _MEGABYTE, "errors": 0}
