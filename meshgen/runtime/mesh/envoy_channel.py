"""The channel through Envoy's mesh listener: gRPC, past the layer of it that is written in Python.

That layer makes a task, two metadata objects and a call object for each call, which costs an eighth of its processor
time and more, and does nothing for a call that is awaited at once. What goes past it leans on private places of
grpcio, so any other version than the one it was written for gets the public way;
tests/unit/runtime/mesh/test_envoy_channel.py fails for each place when gRPC changes it. Paths are below `grpc/`, of
grpcio 1.85.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import grpc
import grpc.aio

from meshgen.codec import grpc_status
from meshgen.runtime.call.metadata import Metadata
from meshgen.runtime.mesh.channel import Channel

Send: TypeAlias = Callable[[bytes, float, Metadata], Awaitable[bytes]]
"""Request, seconds, metadata → response; raises `grpc.aio.AioRpcError`."""

_WRITTEN_FOR = "1.85."

_OPTIONS = (
    # Both ends measure what they send, and say more than gRPC would.
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # A peer that vanished without a word is noticed within 30 s, not at the end of TCP's patience.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
    # gRPC backs off for up to two minutes; Envoy on the same machine is back within a second or not at all.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # Despite its name the time that an attempt gets: Envoy says nothing while it reads somebody's 40 MB of JSON.
    ("grpc.min_reconnect_backoff_ms", 5_000),
    # Envoy retries each hop; a second retry of the same hop would multiply.
    ("grpc.enable_retries", 0),
    # A proxy of the surrounding shell is no way into the mesh.
    ("grpc.enable_http_proxy", 0),
)


class EnvoyChannel(Channel):
    """Calls by way of Envoy, which chooses the replica and tries others itself: it never tells of a lost one."""

    def __init__(self, address: str) -> None:
        """Connect when the first call is made.

        Args:
            address: of Envoy's mesh listener, `host:port`.
        """
        self._channel = grpc.aio.insecure_channel(address, options=_OPTIONS)
        self._senders: dict[bytes, Send] = {}

    async def call(self, path: bytes, message: bytes, seconds: float, metadata: Metadata) -> bytes:
        """Call an rpc; `Channel` says more. A deadline that passes is a status here, as is an Envoy that is away."""
        send = self._senders.get(path)
        if send is None:
            send = self._senders[path] = sender(self._channel, path.decode())
        try:
            # Not wait_for_ready: without Envoy's mesh listener no request gets anywhere, so it had better fail at once.
            # A channel that has just been made queues calls until its first attempt to connect is over either way.
            return await send(message, seconds, metadata)
        except grpc.aio.AioRpcError as error:
            raise grpc_status.of_call(error) from None

    async def close(self) -> None:
        """Close the connection; what is under way is lost."""
        await self._channel.close(None)


def sender(channel: grpc.aio.Channel, path: str) -> Send:
    """What calls an rpc.

    Args:
        channel: of the loop on which it will be called.
        path: `/package.Service/Rpc`.
    """
    # Without serializers gRPC takes and gives bytes.
    rpc = channel.unary_unary(path, None, None)
    return _by_private_places(rpc) if grpc.__version__.startswith(_WRITTEN_FOR) else _by_public_api(rpc)


def _by_public_api(rpc: Any) -> Send:
    async def send(data: bytes, limit: float, metadata: Metadata) -> bytes:
        answer: bytes = await rpc(data, timeout=limit, metadata=metadata)
        return answer

    return send


def _by_private_places(rpc: Any) -> Send:
    """What `UnaryUnaryMultiCallable.__call__` (aio/_channel.py) and `UnaryUnaryCall` (aio/_call.py) do between them."""
    from grpc._cython import cygrpc
    from grpc.aio import _call

    census = cygrpc.build_census_context
    begin, handle = rpc._channel.call, rpc._registered_call_handle

    async def send(data: bytes, limit: float, metadata: Metadata) -> bytes:
        # `rpc` is named here so that it lives: it holds the channel, which is closed when nobody does.
        call = begin(rpc._method, time.time() + limit, None, None, handle)
        try:
            answer: bytes = await call.unary_unary(data, metadata, census())
        except asyncio.CancelledError:
            call.cancel("Locally cancelled by application!")
            raise
        if call.is_ok():
            return answer
        if call.is_locally_cancelled():
            raise asyncio.CancelledError
        raise _call._create_rpc_error(call._initial_metadata, call._status)

    return send
