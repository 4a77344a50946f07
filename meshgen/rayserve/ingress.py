"""What a replica knows of itself, to be asked for by its gRPC server.

Paths in comments are relative to `ray/serve`; tests/unit/rayserve fails for each place when Ray changes it.
"""

from __future__ import annotations

from typing import Any


class Ingress:
    """The replica behind the gRPC server that Serve opens in it."""

    def __init__(self, server: Any) -> None:
        """Args: the server; `service_handler_factory` is a bound method of the replica (`_private/replica.py:3041`)."""
        self._replica = server.service_handler_factory.__self__

    @property
    def replica_id(self) -> str:
        """The last part of the name that Serve's report gives to the replica."""
        unique: str = self._replica._replica_id.unique_id
        return unique

    @property
    def is_draining(self) -> bool:
        """Whether Serve has told the replica to end when its requests have ended (`_private/replica.py:2636`)."""
        return bool(self._replica._shutting_down)

    @property
    def takes_traffic(self) -> bool:
        """Whether Serve thinks that the replica should get traffic: it is not draining, and its last check went well.

        That is what `_dataplane_health_check` (`:2634`) goes by, which Serve's own Healthz answers with.
        """
        return bool(self._replica._healthy) and not self.is_draining

    @property
    def ongoing(self) -> int:
        """Requests that it works on (`:1242`)."""
        count: int = self._replica.get_num_ongoing_requests()
        return count
