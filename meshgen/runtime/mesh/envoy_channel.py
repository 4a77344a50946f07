"""Unary calls past gRPC's Python layer, which makes a task, two metadata objects and a call object for each of them.

What is left out costs an eighth of a call's processor time and more, and does nothing for a call that is awaited at
once. It leans on private places of grpcio, so any other version than the one it was written for gets the public way;
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

Metadata: TypeAlias = tuple[tuple[str, str], ...]

Send: TypeAlias = Callable[[bytes, float, Metadata], Awaitable[bytes]]
"""Request, seconds, metadata → response; raises `grpc.aio.AioRpcError`."""

_WRITTEN_FOR = "1.85."


def sender(channel: grpc.aio.Channel, path: str) -> Send:
    """What calls an rpc.

    Args:
        channel: of the loop on which it will be called.
        path: `/package.Service/Rpc`.
    """
    # Without serializers gRPC takes and gives bytes.
    rpc = channel.unary_unary(path, None, None)
    return _straight(rpc) if grpc.__version__.startswith(_WRITTEN_FOR) else _public(rpc)


def _public(rpc: Any) -> Send:
    async def send(data: bytes, limit: float, metadata: Metadata) -> bytes:
        answer: bytes = await rpc(data, timeout=limit, metadata=metadata)
        return answer

    return send


def _straight(rpc: Any) -> Send:
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
