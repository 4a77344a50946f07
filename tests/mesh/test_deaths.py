"""One bad request takes down a replica: how many it costs, and who is told what."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from running_mesh import until

if TYPE_CHECKING:
    from running_mesh import MeshProcess, Reply

pytestmark = pytest.mark.mesh
MOST_LOST = 2
"""Replicas that one request may cost: the one that it came to, and those on which Envoy tries it again."""
BACK_S = 30
DIED = "ended (signal 11, SIGSEGV) while it worked on"


def _told(mesh: MeshProcess, node: str) -> set[str]:
    """Ids of the replicas of a node of whose end the terminal has been told."""
    line = rf"node '{node}' of 'fragile': replica (\w+) \(process \d+\) ended: signal 11, SIGSEGV; .*worker-.*\.err"
    return set(re.findall(line, mesh.stderr))


def _trace(reply: Reply) -> str:
    [info] = reply.body["details"]
    assert (reply.status, info["reason"], info["metadata"]["signal"]) == (503, "REPLICA_DIED", "SIGSEGV")
    trace: str = info["metadata"]["trace_id"]
    return trace


def test_a_call_that_may_not_run_twice_costs_one_replica(mesh: MeshProcess) -> None:
    assert mesh.post("/fragile/once", {"text": "well"}).status == 200
    reply = mesh.post("/fragile/once", {"text": "crash"})
    assert [mesh.post("/fragile/once", {"text": "well"}).status for _ in range(20)] == [200] * 20
    assert reply.body["message"].startswith(f"node 'once' {DIED} the call; it was not tried again")
    until(lambda: _told(mesh, "once"), 10, lambda: mesh.stderr)
    until(lambda: f"trace {_trace(reply)})" in mesh.stderr, 10, lambda: mesh.stderr)
    assert len(_told(mesh, "once")) == 1


def test_a_request_that_kills_costs_a_known_number_of_replicas(mesh: MeshProcess) -> None:
    assert mesh.post("/fragile/fragile", {"text": "well"}).status == 200
    reply = mesh.post("/fragile/fragile", {"text": "crash"})
    until(lambda: mesh.post("/fragile/fragile", {"text": "well"}).status == 200, BACK_S)
    assert reply.body["message"].startswith(f"node 'fragile' {DIED} the call, and ")
    until(lambda: _told(mesh, "fragile"), 10, lambda: mesh.stderr)
    until(lambda: f"trace {_trace(reply)})" in mesh.stderr, 10, lambda: mesh.stderr)
    assert len(_told(mesh, "fragile")) <= MOST_LOST
    until(lambda: mesh.get("/healthz").status == 200, BACK_S)
