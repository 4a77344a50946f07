"""Serve's accounting of a replica's requests: queue, slots, metrics.

Paths in comments are relative to `ray/serve`; tests/unit/rayserve fails for each place when Ray changes it.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Mapping
from contextvars import ContextVar
from functools import partial
from types import TracebackType
from typing import Any, Self


class QueueFullError(Exception):
    """As many requests wait for a slot as `max_queued_requests` lets."""


class Slots:
    """Serve's accounting of a replica's requests, without the rest of its request path.

    Serve wraps a request in some thirty calls of its own, which cost more than all else that a replica does for a small
    one. What others rely on are these numbers, kept here as `_direct_ingress_grpc_unary_response`
    (`_private/replica.py:2770`) keeps them: the queue and its bound, `max_ongoing_requests`, the ongoing requests that
    autoscaling and draining look at, and the metrics.
    """

    def __init__(self, server: Any) -> None:
        """Args: a replica's gRPC server; `service_handler_factory` is a bound method of the replica (`:3041`)."""
        # Here, so that no request pays for an import.
        from ray.serve._private.common import RequestMetadata, RequestProtocol
        from ray.serve.context import _RequestContext, _serve_request_context

        self.replica = server.service_handler_factory.__self__
        self._app = self.replica._deployment_id.app_name
        self._names = itertools.count()
        self._metadata = partial(
            RequestMetadata,
            route=self._app,
            app_name=self._app,
            _request_protocol=RequestProtocol.GRPC,
            is_direct_ingress=True,
        )
        self._context = partial(
            _RequestContext, route=self._app, app_name=self._app, cancel_on_parent_request_cancel=True
        )
        self._current: ContextVar[Any] = _serve_request_context

    def of(self, method: str, metadata: Mapping[str, object]) -> Slot:
        """A request's slot, for one `async with`.

        Args:
            method: full name, `/package.Service/Rpc`.
            metadata: of the request.
        """
        request_id, model = str(metadata.get("x-request-id", "")), str(metadata.get("multiplexed_model_id", ""))
        # Serve only asks that it differs from those of other requests in this process.
        name = f"meshgen-{next(self._names)}"
        # For `serve.get_multiplexed_model_id()`, deployment handles and the log of user code.
        self._current.set(self._context(request_id=request_id, _internal_request_id=name, multiplexed_model_id=model))
        request = self._metadata(
            request_id=request_id,
            internal_request_id=name,
            call_method=method.rpartition("/")[2],
            multiplexed_model_id=model,
            _grpc_service_method=method,
        )
        return Slot(self.replica, request)

    @property
    def user_loop(self) -> asyncio.AbstractEventLoop | None:
        """Where user code runs, when that is not the server's own loop (RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD)."""
        wrapper = self.replica._user_callable_wrapper
        return wrapper.event_loop if wrapper._run_user_code_in_separate_thread else None


class Slot:
    """One request's place among the ongoing ones of a replica: waits for it, holds it, and gives it back."""

    __slots__ = ("_replica", "_request", "_started", "code", "failed")

    def __init__(self, replica: Any, request: Any) -> None:
        self._replica = replica
        self._request = request
        self._started = 0.0
        self.code = "OK"
        """Name of the gRPC status that the request ended with; for the metrics."""
        self.failed = False
        """Whether the deployment itself is at fault."""

    async def __aenter__(self) -> Self:
        """Wait for the slot.

        Raises:
            QueueFullError: too many wait already.
        """
        replica = self._replica
        if not replica._can_accept_request(self._request):
            raise QueueFullError
        self._started = time.time()
        replica._num_queued_requests += 1
        try:
            await replica._semaphore.acquire()
        finally:
            replica._num_queued_requests -= 1
        replica._metrics_manager.inc_num_ongoing_requests(self._request)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give it back, and count the request."""
        replica = self._replica
        replica._metrics_manager.dec_num_ongoing_requests(self._request)
        replica._semaphore.release()
        if isinstance(error, asyncio.CancelledError):
            self.code = "CANCELLED"
            replica._on_request_cancelled(self._request, error)  # what user code asked other deployments for
        self._record((time.time() - self._started) * 1000.0)

    def _record(self, latency_ms: float) -> None:
        replica, request, failed = self._replica, self._request, self.failed
        if _logs_access(replica):
            error = FailedRequestError(self.code) if failed else None
            replica._record_errors_and_metrics(error, self.code, latency_ms, request)
            return
        metrics = replica._metrics_manager
        metrics.record_request_metrics(
            route=request.route,
            latency_ms=latency_ms,
            is_error=failed,
            exception_type=self.code if failed else None,
        )
        metrics.record_ingress_request_metrics(
            protocol=request._request_protocol,
            method=request._grpc_service_method,
            route=request.route,
            app_name=request.app_name,
            deployment_name=replica._deployment_id.name,
            latency_ms=latency_ms,
            is_error=self.code != "OK",
            status_code=self.code,
        )


class FailedRequestError(Exception):
    """What Serve's log and metrics call a request that failed."""


def _logs_access(replica: Any) -> bool:
    """Whether the access log is on; a record that is filtered out at its end costs as much as one that is written."""
    config = replica._deployment_config.logging_config or {}
    on = config.get("enable_access_log") if isinstance(config, dict) else config.enable_access_log
    return on is not False
