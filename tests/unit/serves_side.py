"""What meshgen uses of Serve's replica, made of Serve's own parts, without a controller to report to."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from ray.serve._private.common import DeploymentID, ReplicaID
from ray.serve._private.replica import Replica
from ray.serve._private.utils import Semaphore


class Metrics:
    """Of `ReplicaMetricsManager` what a request tells it."""

    def __init__(self) -> None:
        self.ongoing = 0
        self.most = 0
        self.requests: list[dict[str, Any]] = []
        self.ingress: list[dict[str, Any]] = []

    def inc_num_ongoing_requests(self, _request: Any) -> None:
        self.ongoing += 1
        self.most = max(self.most, self.ongoing)

    def get_num_ongoing_requests(self) -> int:
        return self.ongoing

    def dec_num_ongoing_requests(self, _request: Any) -> None:
        self.ongoing -= 1

    def record_request_metrics(self, **labels: Any) -> None:
        self.requests.append(labels)

    def record_ingress_request_metrics(self, **labels: Any) -> None:
        self.ingress.append(labels)


class ServesSide:
    """A replica as its gRPC server knows it."""

    _can_accept_request = Replica._can_accept_request
    _perform_graceful_shutdown = Replica._perform_graceful_shutdown
    get_num_ongoing_requests = Replica.get_num_ongoing_requests
    _is_replica_quiescing = Replica._is_replica_quiescing
    _on_request_cancelled = Replica._on_request_cancelled

    def __init__(self, ongoing: int = 100, queued: int = -1, name: str = "replica") -> None:
        self.max_queued_requests = queued
        self.logged: list[tuple[Any, ...]] = []
        self.user_loop: asyncio.AbstractEventLoop | None = None
        self._healthy = True
        self._quiescing = False
        self._shutting_down = False
        self._reserved_slots: set[str] = set()
        self._num_queued_requests = 0
        self._semaphore = Semaphore(lambda: ongoing)
        self._metrics_manager = Metrics()
        self._deployment_id = DeploymentID("node", "app")
        self._replica_id = ReplicaID(name, self._deployment_id)
        self._deployment_config = SimpleNamespace(logging_config={"enable_access_log": False})

    @property
    def metrics(self) -> Metrics:
        return self._metrics_manager

    @property
    def _user_callable_wrapper(self) -> Any:
        apart = self.user_loop is not None
        return SimpleNamespace(event_loop=self.user_loop, _run_user_code_in_separate_thread=apart)

    def log_access(self) -> None:
        self._deployment_config.logging_config = {}

    def _record_errors_and_metrics(self, *arguments: Any) -> None:
        self.logged.append(arguments)

    def grpc_server(self) -> Any:
        """Of which only this is asked for: whose it is."""
        return SimpleNamespace(service_handler_factory=self._factory)

    def _factory(self, service_method: str, streaming_type: Any) -> Any:
        async def handler(_request: Any, _context: Any) -> bytes:
            raise AssertionError(f"{service_method} ({streaming_type}) went through Serve's own path")

        return handler


def add_nothing(_servicer: object, _server: Any) -> None:
    """What adds a service to a gRPC server of Serve's."""
