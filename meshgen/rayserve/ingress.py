"""What a replica's gRPC server and the replica behind it tell each other, past Serve's request path.

Paths in comments are relative to `ray/serve`; tests/unit/rayserve fails for each place when Ray changes it.
"""

from __future__ import annotations

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
