"""A mesh goes on when a replica dies, hangs, or joins."""

from __future__ import annotations

import os
import re
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from running_mesh import until
from traffic import DEADLINE_S, Traffic

from benchmarks.cancel import cancelled
from meshgen.cli.calling import call
from meshgen.status import Code, StatusError

if TYPE_CHECKING:
    from running_mesh import MeshProcess

pytestmark = pytest.mark.mesh
NARROW, NARROW_QUEUE = 2, 3
"""As in the graph."""


def test_no_request_fails_when_a_replica_is_killed(mesh: MeshProcess) -> None:
    with Traffic(mesh, "/probe/where", clients=8) as traffic:
        first = until(lambda: pids if len(pids := traffic.pids()) == 2 else None, 30)
        victim = min(first)
        assert victim in {p.pid for p in mesh.members()}
        killed = time.monotonic()
        os.kill(victim, signal.SIGKILL)
        # Both answer again: the one that stayed, and the one that came in its place.
        until(lambda: len(traffic.pids(since=killed + 2) - {victim}) == 2, 60, lambda: f"{traffic.pids(killed)}")
    failed = Counter(str(r[1:3]) for r in traffic.replies if r[1] != 200)
    assert not failed, f"{sum(failed.values())} of {len(traffic.replies)} failed: {failed}"
    assert max(r[3] for r in traffic.replies) < DEADLINE_S
    assert mesh.get("/healthz").status == 200
    assert re.search(
        rf"node 'where' of 'probe': replica \w+ \(process {victim}\) ended: signal 9, SIGKILL;", mesh.stderr
    )


def test_a_node_that_never_answers_costs_its_deadline_only(mesh: MeshProcess) -> None:
    begin = time.monotonic()
    with pytest.raises(StatusError) as caught:
        call(mesh.address, "/probe/hang", {"text": "hang"}, timeout_s=1)
    assert caught.value.code is Code.DEADLINE_EXCEEDED
    assert time.monotonic() - begin < 3
    begin = time.monotonic()
    reply = mesh.post("/probe/hang", {"text": "hang"})
    assert (reply.status, reply.body["code"]) == (504, Code.DEADLINE_EXCEEDED.value)
    assert time.monotonic() - begin < 6, "the node's own limit is 2 s"
    # Its replica may have been replaced meanwhile; then it serves again.
    until(lambda: mesh.get("/healthz").status == 200, 60)
    until(lambda: mesh.post("/probe/hang", {"text": "well"}).status == 200, 60)


def test_code_two_hops_away_hears_soon_that_its_client_has_gone(mesh: MeshProcess) -> None:
    took = cancelled(mesh.address, 10)
    # On a machine with nothing else to do it takes a millisecond (`python -m benchmarks.cancel`).
    assert took[len(took) // 2] < 60, took


def test_traffic_follows_when_serve_adds_a_replica_and_takes_it_away(mesh: MeshProcess) -> None:
    with Traffic(mesh, "/probe/growing", clients=6) as traffic:
        until(lambda: len(traffic.pids()) == 2, 60, lambda: f"still {traffic.pids()}")
    assert {r[1] for r in traffic.replies} == {200}
    # Little traffic, well below what one replica is for: one goes, and what it had begun is answered.
    with Traffic(mesh, "/probe/growing", clients=1, pause_s=0.2) as traffic:
        until(lambda: len(traffic.pids(since=time.monotonic() - 3)) == 1 and len(traffic.replies) > 20, 60)
    assert {r[1] for r in traffic.replies} == {200}
    assert "node 'growing' of 'probe': replica" not in mesh.stderr, "it was Serve that ended it"


def test_a_full_node_runs_what_it_may_queues_what_it_may_and_refuses_the_rest(mesh: MeshProcess) -> None:
    with ThreadPoolExecutor(12) as pool:
        replies = list(pool.map(lambda _: mesh.post("/probe/narrow", {"text": "x"}, timeout_s=DEADLINE_S), range(12)))
    answered = [int(r.body["result"]) for r in replies if r.status == 200]
    refused = [r for r in replies if r.status != 200]
    # Two run and three wait; who comes when one of them is done may be served as well.
    assert max(answered) <= NARROW
    assert len(answered) >= NARROW + NARROW_QUEUE
    assert refused
    assert {(r.status, r.body["message"]) for r in refused} == {(429, "too many requests wait for 'narrow'")}
