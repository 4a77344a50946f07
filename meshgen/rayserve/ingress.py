"""What a replica's gRPC server and the replica behind it tell each other, past Serve's request path.

Paths in comments are relative to `ray/serve`; tests/unit/rayserve fails for each place when Ray changes it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def pass_through(server: Any, service: str) -> None:
    """Let the handlers of `service`, registered after this, run on the server itself (`_private/grpc_util.py:59`).

    Serve does not count such calls: `Slots` does it for those that it should know of.
    """
    server.add_passthrough_service(service)


async def takes_traffic(server: Any) -> tuple[bool, str]:
    """Whether Serve thinks that the replica behind this gRPC server should get traffic, and a word why.

    False while it drains, and after a failed health check. `service_handler_factory` is a bound method of the replica
    (`_private/replica.py:3041`), and `_dataplane_health_check` (`:2634`) is what Serve's own Healthz answers with.
    """
    replica = server.service_handler_factory.__self__
    healthy, message = await replica._dataplane_health_check()
    return bool(healthy), str(message)


def replica_id(server: Any) -> str:
    """The last part of the name that Serve's report gives to the replica behind this gRPC server."""
    unique: str = server.service_handler_factory.__self__._replica_id.unique_id
    return unique


def own_replica_id() -> str:
    """The same of the replica that this process is, its constructor included; empty when it is none.

    `get_replica_context` (`api.py`) raises where this (`context.py:189`) gives None.
    """
    from ray.serve.context import _get_internal_replica_context

    context = _get_internal_replica_context()
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
