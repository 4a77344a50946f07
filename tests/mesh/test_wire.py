"""The one wire: the sockets of a mesh, who may call there, and replicas that do not answer."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from grpc_on_socket import ask
from running_mesh import MeshProcess, until

pytestmark = pytest.mark.mesh
LIMIT_S = 2.0


def test_sockets_are_for_who_runs_the_mesh_only(mesh: MeshProcess) -> None:
    assert mesh.run_dir is not None
    sockets = [path for path in (mesh.run_dir / "replicas").iterdir() if stat.S_ISSOCK(path.stat().st_mode)]
    assert sockets
    assert stat.S_IMODE(mesh.run_dir.stat().st_mode) == 0o700
    assert stat.S_IMODE((mesh.run_dir / "mesh.sock").stat().st_mode) == 0o600


def test_envoy_calls_nodes_for_others_and_drivers_for_nobody(mesh: MeshProcess) -> None:
    assert mesh.run_dir is not None
    socket = str(mesh.run_dir / "mesh.sock")

    def ask_for(service: str) -> str:
        found, _ = asyncio.run(ask(socket, f"/{service}", meshgen_route="/x"))
        return f"{found['grpc-status']} {found.get('grpc-message', '')}"

    assert ask_for("quickstart.average.v1.AverageService/Average") == "3 samples: at least one is needed"
    assert ask_for("quickstart.average.v1.AverageService/Nope") == "12 its replica has no such method"
    assert ask_for("quickstart.v1.QuickstartService/Predict").startswith("12 ")


def test_a_replica_that_stands_still_costs_some_calls_their_deadline_and_no_more(mesh: MeshProcess) -> None:
    def ask(_: int) -> tuple[int, int, float]:
        begin = time.monotonic()
        reply = mesh.post("/probe/where", {"text": "x"}, headers={"grpc-timeout": f"{LIMIT_S:.0f}S"})
        return reply.status, int(reply.body.get("result", 0)), time.monotonic() - begin

    with ThreadPoolExecutor(6) as pool:
        both = until(lambda: pids if len(pids := {pid for _, pid, _ in pool.map(ask, range(12))}) == 2 else None, 30)
        victim = min(both)
        os.kill(victim, signal.SIGSTOP)
        try:
            begin = time.monotonic()
            during = [reply for _ in range(40) for reply in pool.map(ask, range(12)) if time.monotonic() - begin < 8]
        finally:
            os.kill(victim, signal.SIGCONT)
    statuses = Counter(status for status, _, _ in during)
    assert set(statuses) <= {200, 504}, statuses
    # Those that it had when it stopped, and those until that was noticed.
    assert statuses[504] <= 24, statuses
    assert statuses[200] > statuses[504], statuses
    assert max(seconds for _, _, seconds in during) < 2 * LIMIT_S
