"""Calls nodes: straight, when their replicas can be reached so, else over gRPC, through Envoy's mesh listener."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from meshgen import limits
from meshgen.codec import grpc_status
from meshgen.codec.lazy import Received, plainly
from meshgen.codec.rpc import Contracts, RpcCodec
from meshgen.contract import names
from meshgen.graph.model import Method, Node
from meshgen.graph.policy import Policy
from meshgen.runtime.call import tracing
from meshgen.runtime.call.context import RequestContext, current
from meshgen.runtime.call.deadline import time_limit, too_late
from meshgen.runtime.call.transport import CallInfo
from meshgen.runtime.mesh import envoy_channel
from meshgen.runtime.mesh.wire.link import LostError
from meshgen.runtime.mesh.wire.pool import Replicas
from meshgen.status import BY_CODE, Code, ResourceExhausted, StatusError, Unavailable

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


@dataclass(frozen=True, slots=True)
class _Rpc:
    """One method of one node, and the ways to it."""

    node: Node
    codec: RpcCodec
    path: bytes
    send: envoy_channel.Send
    """Through Envoy."""
    replicas: Replicas | None
    """None: everything goes through Envoy."""


class RemoteTransport:
    """Calls nodes of one graph. A status keeps the node that it came from and its violations."""

    def __init__(self, graph: str, contracts: Contracts, address: str, replicas: Path | None = None) -> None:
        """Open no connection yet: they belong to the event loop of the first call.

        Args:
            graph: its name.
            contracts: of the graph.
            address: of Envoy's mesh listener.
            replicas: the folder that `replicas.FOLDER` names; None has all calls go through Envoy.
        """
        self._graph = graph
        self._contracts = contracts
        self._address = address
        self._folder = replicas
        self._limit = limits.inside()
        self._channel: grpc.aio.Channel | None = None
        self._replicas: dict[str, Replicas] = {}
        self._rpcs: dict[tuple[str, str], _Rpc] = {}

    async def call(self, call: CallInfo, arguments: Mapping[str, Any]) -> Any:
        """Call a node and wait for its answer, at most until the request's deadline or the node's own limit.

        Returns:
            The answer as `Received`; arguments may be such, too.

        Raises:
            StatusError: the node's own, or what the mesh says in its place.
            ResourceExhausted: the arguments are over the limit of a message.
            EncodeError: an argument does not fit the contract.
            Internal: the answer that an argument came from does not fit its contract.
        """
        node, method = call.node, call.method
        rpc = self._rpcs.get((node.name, method.name)) or self._rpc(node, method)
        timeout = time_limit(call) or limits.DEFAULT_TIMEOUT_S
        data = rpc.codec.encode_request(arguments)
        if len(data) > self._limit:
            text = limits.over(f"the request to '{node.name}'", len(data), self._limit)
            raise ResourceExhausted(text, node=node.name, reason=limits.TOO_LARGE)
        try:
            answer = await _answer(rpc, call.policy, data, timeout, _metadata(current()))
        except StatusError as error:
            if error.code is Code.INVALID_ARGUMENT:
                # What was passed on undecoded is looked at now: if it does not fit its own contract, it is not this
                # node's caller who is at fault but the node that made it.
                plainly(arguments)
            raise
        return Received(rpc.codec, answer, node.name)

    async def close(self) -> None:
        """Close all connections."""
        for replicas in self._replicas.values():
            await replicas.close()
        if self._channel is not None:
            await self._channel.close(None)

    def _rpc(self, node: Node, method: Method) -> _Rpc:
        service = names.service(self._graph, node.name)
        path = f"/{service}/{method.rpc}"
        if self._channel is None:
            self._channel = grpc.aio.insecure_channel(self._address, options=_CHANNEL)
        rpc = self._rpcs[node.name, method.name] = _Rpc(
            node,
            self._contracts.codec(service, method.rpc, method.params, None, method.result),
            path.encode(),
            envoy_channel.sender(self._channel, path),
            self._replicas_of(names.application(self._graph, node.host)),
        )
        return rpc

    def _replicas_of(self, application: str) -> Replicas | None:
        if self._folder is None:
            return None
        if application not in self._replicas:
            self._replicas[application] = Replicas(self._folder, application)
        return self._replicas[application]


async def _answer(rpc: _Rpc, policy: Policy, data: bytes, limit: float, metadata: envoy_channel.Metadata) -> bytes:
    end = time.monotonic() + limit
    node = rpc.node
    try:
        link = rpc.replicas and (rpc.replicas.least_busy() or await rpc.replicas.settled(limit))
        if link:
            try:
                return await link.call(rpc.path, data, end - time.monotonic(), metadata)
            except LostError as lost:
                if lost.begun and not policy.idempotent:
                    raise Unavailable(str(lost)) from None
        # Envoy knows, or will find out, where else to try. Not wait_for_ready: without its mesh listener no request
        # gets anywhere, so it had better fail at once. A channel that has just been made queues calls until its first
        # attempt to connect is over either way.
        return await rpc.send(data, end - time.monotonic(), metadata)
    except TimeoutError:
        raise too_late(node.name, limit) from None
    except grpc.aio.AioRpcError as e:
        error = grpc_status.of_call(e)
    except StatusError as e:
        error = e
    if error.node:
        raise error
    # Not from a node of ours: gRPC's or Envoy's own words, in which the node's name is missing.
    raise BY_CODE[error.code](_local_text(error, node.name, limit), node=node.name)


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


def _local_text(error: StatusError, node: str, timeout: float) -> str:
    if error.code is Code.DEADLINE_EXCEEDED:
        return too_late(node, timeout).message
    if error.code is Code.UNAVAILABLE:
        return f"node '{node}' cannot be reached: {error.message}"
    return f"node '{node}': {error.message}"
