"""`grpc.health.v1` of a replica, for Envoy's health checks and for people."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from meshgen.rayserve.ingress import pass_through, takes_traffic

_SERVICE = "grpc.health.v1.Health"
_WATCH_S = 1.0


def register(server: Any, *services: str) -> None:
    """Answer for the services and for the replica as a whole on its gRPC server, past Serve's queue."""
    pass_through(server, _SERVICE)
    health_pb2_grpc.add_HealthServicer_to_server(Health(services, server), server)


class Health(health_pb2_grpc.HealthServicer):  # type: ignore[misc]  # has no types
    """`grpc.health.v1` of one replica: not serving while Serve drains it or finds it unhealthy."""

    def __init__(self, services: Sequence[str], server: Any) -> None:
        self._services = ("", *services)
        self._server = server

    async def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Answer for the whole replica ("") or for one of its services."""
        if request.service not in self._services:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"no service '{request.service}' here")
        return health_pb2.HealthCheckResponse(status=await self._status())

    async def Watch(self, request: Any, _context: Any) -> AsyncIterator[Any]:  # noqa: N802
        """Answer now and after each change."""
        known = request.service in self._services
        last: int | None = None
        while True:
            now = await self._status() if known else health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
            if now != last:
                last = now
                yield health_pb2.HealthCheckResponse(status=now)
            await asyncio.sleep(_WATCH_S)

    async def _status(self) -> int:
        serving, _ = await takes_traffic(self._server)
        response = health_pb2.HealthCheckResponse
        return int(response.SERVING if serving else response.NOT_SERVING)
