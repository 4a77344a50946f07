"""Both ways between a driver and its nodes: straight over sockets, which every other test takes, and through Envoy."""

from __future__ import annotations

import os
import secrets
import signal
import stat
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from running_mesh import MeshProcess, until
from test_conformance import CASES, Case, check_by_grpc

if TYPE_CHECKING:
    from meshgen.control.otlp import Receiver

pytestmark = pytest.mark.mesh
GRAPH = "gauntlet"
LIMIT_S = 2.0


@pytest.fixture(scope="module")
def through_envoy(tmp_path_factory: pytest.TempPathFactory, spans: Receiver) -> Iterator[MeshProcess]:
    running = MeshProcess(
        [f"tests/graphs/{GRAPH}.py"],
        tmp_path_factory.mktemp("mesh"),
        options=("--port", "0", "--east-west", "envoy"),
        env={"OTEL_EXPORTER_OTLP_ENDPOINT": spans.endpoint},
    )
    try:
        yield running.start()
        assert running.stop() == 0, running.output
    finally:
        running.close()


@pytest.mark.parametrize(
    "case", [c for c in CASES if c.graph == GRAPH and "grpc" in c.transports], ids=lambda c: c.name
)
def test_the_corpus_through_envoy(case: Case, through_envoy: MeshProcess) -> None:
    check_by_grpc(case, through_envoy.address)


def test_each_hop_has_envoys_spans(through_envoy: MeshProcess, spans: Receiver) -> None:
    trace = secrets.token_hex(16)
    headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    reply = through_envoy.post(f"/{GRAPH}/handles", {"word": "plus", "number": 1}, headers=headers)
    assert reply.status == 200, reply
    found = spans.wait(trace, {GRAPH, "chooser", "scale_plus"})
    # Two for each of three hops.
    assert sum(s.service == "envoy-mesh" for s in found) == 6
    assert through_envoy.run_dir is not None
    assert not (through_envoy.run_dir / "replicas").exists()


def test_sockets_are_for_who_runs_the_mesh_only(mesh: MeshProcess) -> None:
    assert mesh.run_dir is not None
    sockets = [path for path in (mesh.run_dir / "replicas").iterdir() if stat.S_ISSOCK(path.stat().st_mode)]
    assert sockets
    assert stat.S_IMODE(mesh.run_dir.stat().st_mode) == 0o700


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
