"""Calls nodes over gRPC, through Envoy's mesh listener."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import grpc
import grpc.aio

from meshgen import limits
from meshgen.contract import names
from meshgen.graph.model import Method, Node
from meshgen.runtime import grpc_private, grpc_status, tracing
from meshgen.runtime.codec import Contracts, RpcCodec
from meshgen.runtime.context import RequestContext, current
from meshgen.runtime.deadline import time_limit, too_late
from meshgen.runtime.received import Received, plainly
from meshgen.status import BY_CODE, Code, ResourceExhausted, StatusError

MESH_ADDRESS = "MESHGEN_MESH_ADDRESS"
"""Environment variable: `host:port` of Envoy's mesh listener."""
ROUTE = "meshgen-route"
"""Metadata that tells a node on which route of the driver its request runs."""

_CHANNEL = (
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
# What belongs to one hop, or is made anew for each.
_HOP_PREFIXES = (":", "grpc-", "x-envoy-", "x-forwarded-")
_HOP_KEYS = frozenset({
    "accept", "accept-encoding", "application", "connection", "content-length", "content-type", "host", "te",
    "traceparent", "tracestate", "user-agent", ROUTE,
})  # fmt: skip


class RemoteTransport:
    """Calls nodes of one graph over one channel. A status keeps the node that it came from and its violations."""

    def __init__(self, graph: str, contracts: Contracts, address: str) -> None:
        """Open no connection yet: the channel belongs to the event loop of the first call."""
        self._graph = graph
        self._contracts = contracts
        self._address = address
        self._limit = limits.inside()
        self._channel: grpc.aio.Channel | None = None
        self._rpcs: dict[tuple[str, str], tuple[RpcCodec, grpc_private.Send]] = {}

    async def call(self, node: Node, method: Method, arguments: Mapping[str, Any], *, alone: bool) -> Any:  # noqa: ARG002
        """Call `node` and wait for its answer, at most until the request's deadline or the node's own limit.

        Returns:
            The answer as `Received`; arguments may be such, too.

        Raises:
            StatusError: the node's own, or what the mesh says in its place.
            ResourceExhausted: the arguments are over the limit of a message.
            EncodeError: an argument does not fit the contract.
            Internal: the answer that an argument came from does not fit its contract.
        """
        codec, send = self._rpc(node, method)
        request = current()
        timeout = time_limit(node) or limits.DEFAULT_TIMEOUT_S
        data = codec.encode_request(arguments)
        if len(data) > self._limit:
            text = limits.over(f"the request to '{node.name}'", len(data), self._limit)
            raise ResourceExhausted(text, node=node.name, reason=limits.TOO_LARGE)
        try:
            # Not wait_for_ready: without its mesh listener no request gets anywhere, so it had better fail at once. A
            # channel that has just been made queues calls until its first attempt to connect is over either way.
            answer = await send(data, timeout, _metadata(request))
        except grpc.aio.AioRpcError as e:
            error = _error(e, node.name, timeout)
            if error.code is Code.INVALID_ARGUMENT:
                # What was passed on undecoded is looked at now: if it does not fit its own contract, it is not this
                # node's caller who is at fault but the node that made it.
                plainly(arguments)
            raise error from None
        return Received(codec, answer, node.name)

    async def close(self) -> None:
        """Close the channel."""
        if self._channel is not None:
            await self._channel.close(None)

    def _rpc(self, node: Node, method: Method) -> tuple[RpcCodec, grpc_private.Send]:
        key = (node.name, method.name)
        if key not in self._rpcs:
            service = names.service(self._graph, node.name)
            codec = self._contracts.codec(service, method.rpc, method.params, None, method.result)
            if self._channel is None:
                self._channel = grpc.aio.insecure_channel(self._address, options=_CHANNEL)
            self._rpcs[key] = (codec, grpc_private.sender(self._channel, f"/{service}/{method.rpc}"))
        return self._rpcs[key]


def _metadata(request: RequestContext | None) -> tuple[tuple[str, str], ...]:
    if request is None:
        return tracing.outgoing()
    passed = request.passed_on
    if not passed:
        passed += (*((k, v) for k, v in request.metadata.items() if _passes(k, v)), (ROUTE, request.route))
    return (*passed, *tracing.outgoing())


def _passes(key: str, value: str) -> bool:
    hop = key in _HOP_KEYS or key.startswith(_HOP_PREFIXES)
    # REST clients may send headers that gRPC does not let through.
    return not hop and value.isascii() and value.isprintable()


def _error(e: grpc.aio.AioRpcError, node: str, timeout: float) -> StatusError:
    error = grpc_status.of_call(e)
    if error.node:
        return error
    # Not from a node of ours: gRPC's or Envoy's own words, in which the node's name is missing.
    text = _local_text(error, node, timeout)
    return BY_CODE[error.code](text, node=node)


def _local_text(error: StatusError, node: str, timeout: float) -> str:
    if error.code is Code.DEADLINE_EXCEEDED:
        return too_late(node, timeout).message
    if error.code is Code.UNAVAILABLE:
        return f"node '{node}' cannot be reached: {error.message}"
    return f"node '{node}': {error.message}"
