"""What a replica knows of itself, against the installed Ray."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from meshgen.rayserve.lifetime import before_stop, own_replica_id

pytest.importorskip("ray.serve")
from ray.serve._private.replica import Replica


async def test_a_replica_that_serve_stops_says_so_before_it_drains() -> None:
    said: list[str] = []

    class Stopping:
        _event_loop = asyncio.get_running_loop()
        _graceful_shutdown_task = None
        perform_graceful_shutdown = Replica.perform_graceful_shutdown

        async def _perform_graceful_shutdown(self) -> None:
            said.append("drained")

    replica = Stopping()
    server: Any = SimpleNamespace(service_handler_factory=SimpleNamespace(__self__=replica))
    before_stop(server, lambda: said.append("asked"))
    await replica.perform_graceful_shutdown()
    assert said == ["asked", "drained"]


def test_a_replica_has_its_id_in_its_constructor(monkeypatch: pytest.MonkeyPatch) -> None:
    from ray.serve import context
    from ray.serve._private.common import DeploymentID, ReplicaID

    assert own_replica_id() == ""
    one: Any = SimpleNamespace(replica_id=ReplicaID("one", DeploymentID("node", "app")))
    monkeypatch.setattr(context, "_INTERNAL_REPLICA_CONTEXT", one)
    assert own_replica_id() == "one"
