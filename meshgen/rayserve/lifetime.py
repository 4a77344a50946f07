"""Who a replica is from its constructor on, and that it is about to end.

Paths in comments are relative to `ray/serve`; tests/unit/rayserve fails for each place when Ray changes it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def own_replica_id() -> str:
    """The last part of the name that Serve's report gives to this process, in a constructor too; empty for no replica.

    `get_replica_context` (`api.py`) raises where this (`context.py:189`) gives None.
    """
    from ray.serve.context import _get_internal_replica_context

    context = _get_internal_replica_context()  # type: ignore[no-untyped-call]
    return "" if context is None else context.replica_id.unique_id


def before_stop(server: Any, say: Callable[[], None]) -> None:
    """Have `say` called when Serve asks the replica behind this gRPC server to end, before it drains.

    The first request to do so makes a task of `_perform_graceful_shutdown` (`_private/replica.py:2186`).
    """
    replica = server.service_handler_factory.__self__
    stop = replica._perform_graceful_shutdown

    async def saying() -> None:
        say()
        await stop()

    replica._perform_graceful_shutdown = saying
