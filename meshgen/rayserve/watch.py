"""Serve's word that running replicas came or went; what came and went, its report says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from meshgen.rayserve.names import DEPLOYMENT


class ReplicaWatch:
    """What Serve's own handles listen to, so that nobody need ask again and again.

    Leans on `ray/serve/_private/long_poll.py:412`: the controller answers once a key's snapshot is another than ours,
    or after some 30 s with a `LongPollState`. tests/unit/rayserve/test_watch.py fails when Ray changes it.
    """

    def __init__(self, controller: Any, applications: Sequence[str]) -> None:
        """Args: Serve's controller (an actor), and the names of the applications."""
        from ray.serve._private.common import DeploymentID
        from ray.serve._private.long_poll import LongPollNamespace

        self._controller = controller
        targets = LongPollNamespace.DEPLOYMENT_TARGETS
        # Below every snapshot's number.
        self._seen = {(targets, DeploymentID(name=DEPLOYMENT, app_name=name)): -1 for name in applications}

    async def changed(self) -> None:
        """Return once something has changed since the last return; the first time, at once."""
        from ray.serve._private.long_poll import LongPollState

        while isinstance(news := await self._controller.listen_for_change.remote(dict(self._seen)), LongPollState):
            pass
        self._seen |= {key: update.snapshot_id for key, update in news.items()}
