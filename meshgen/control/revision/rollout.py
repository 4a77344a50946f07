"""From applications to running replicas."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from meshgen.control.agent.discovery import Discovery, Snapshot
from meshgen.control.cluster import Application, Cluster
from meshgen.control.deploy import Progress
from meshgen.control.model import MeshError

_POLL_S = 0.1


async def roll_out(
    applications: Sequence[Application],
    progress: Progress,
    cluster: Cluster,
    discovery: Discovery,
    *,
    until: float,
    healthy: Callable[[], Awaitable[bool]] | None = None,
) -> None:
    """Deploy applications, and wait until they run.

    Args:
        applications: those to deploy; others go on as they are.
        progress: of the same ones; it is told what discovery sees.
        cluster: where they are deployed.
        discovery: hears of replicas.
        until: when it must be done, on the clock of `time.monotonic()`.
        healthy: asked when they run, until it says so.

    Raises:
        StartError: a node did not start.
        MeshError: it took too long.
    """
    failures: list[MeshError] = []
    seen = 0

    async def hear(snapshot: Snapshot) -> None:
        nonlocal seen
        if (seen := seen + 1) == 1:
            return  # it may have been asked for before the deployment
        try:
            progress.update(snapshot)
        except MeshError as error:
            failures.append(error)

    await cluster.deploy(applications)
    discovery.listeners.append(hear)
    try:
        while progress.pending() or not (healthy is None or await healthy()):
            if failures:
                raise failures[0]
            if time.monotonic() > until:
                waiting = ", ".join(progress.pending()) or "Envoy's health checks"
                raise MeshError(f"not all runs in time; still waiting for: {waiting}")
            await asyncio.sleep(_POLL_S)
    finally:
        discovery.listeners.remove(hear)
