"""Calls nodes that run elsewhere: encodes arguments, and leaves to others by which channel the bytes go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from meshgen import limits
from meshgen.codec.lazy import Received, plainly
from meshgen.codec.rpc import Contracts, RpcCodec
from meshgen.contract import names
from meshgen.graph.model import Method, Node
from meshgen.runtime.call.context import current
from meshgen.runtime.call.deadline import time_limit
from meshgen.runtime.call.metadata import for_next_hop
from meshgen.runtime.call.transport import CallInfo
from meshgen.runtime.mesh import retry
from meshgen.runtime.mesh.bulk import letter
from meshgen.runtime.mesh.bulk.folder import configured
from meshgen.runtime.mesh.bulk.letter import Letter
from meshgen.runtime.mesh.call_errors import as_nodes_own
from meshgen.runtime.mesh.channel import LostError
from meshgen.runtime.mesh.off_loop import beside_if_big
from meshgen.runtime.mesh.peers import Peers
from meshgen.runtime.mesh.wire import watched
from meshgen.runtime.mesh.wire.peer import Peer
from meshgen.runtime.mesh.wire.pool import Replicas
from meshgen.status import Code, ResourceExhausted, StatusError

MESH_SOCKET = "MESHGEN_MESH_SOCKET"
"""Environment variable: the path of Envoy's mesh listener."""


@dataclass(frozen=True, slots=True)
class _Target:
    """One method of one node, ready to be called."""

    codec: RpcCodec
    path: bytes
    peers: Peers


def _message(codec: RpcCodec, arguments: Mapping[str, Any]) -> bytes | Letter:
    """The request, by name where that takes less time."""
    parts = codec.request_parts(arguments)
    if len(parts) == 1 and isinstance(parts[0], bytes) and len(parts[0]) < letter.WRITTEN:
        return parts[0]
    folder = configured()
    posted = None if folder is None else letter.post(parts, folder)
    return letter.together(parts) if posted is None else posted


def _let_go(message: bytes | Letter) -> None:
    if isinstance(message, Letter):
        message.close()


class RemoteTransport:
    """Calls nodes of one graph. A status keeps the node that it came from and its violations."""

    def __init__(self, graph: str, contracts: Contracts, envoy: Path, replicas: Path) -> None:
        """Open no connection yet: they belong to the event loop of the first call.

        Args:
            graph: its name.
            contracts: of the graph.
            envoy: the path of its mesh listener.
            replicas: the folder that `pool.FOLDER` names.
        """
        self._graph = graph
        self._contracts = contracts
        self._envoy = Peer(envoy)
        self._folder = replicas
        self._limit = limits.inside()
        self._replicas: dict[str, Replicas] = {}
        self._targets: dict[tuple[str, str], _Target] = {}

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
        target = self._targets.get((node.name, method.name)) or self._target(node, method)
        seconds = time_limit(call) or limits.DEFAULT_TIMEOUT_S
        message = await beside_if_big(partial(_message, target.codec, arguments), _let_go)
        metadata = for_next_hop(current())
        try:
            if len(message) > self._limit:
                text = limits.over(f"the request to '{node.name}'", len(message), self._limit)
                raise ResourceExhausted(text, node=node.name, reason=limits.TOO_LARGE)
            answer = await retry.call(
                target.peers, node.name, target.path, message, seconds, metadata, idempotent=call.policy.idempotent
            )
        except (StatusError, LostError, TimeoutError) as raised:
            error = await as_nodes_own(raised, node.name, seconds)
            if error.code is Code.INVALID_ARGUMENT:
                # What was passed on undecoded is looked at now: if it does not fit its own contract, it is not this
                # node's caller who is at fault but the node that made it.
                plainly(arguments)
            raise error from None
        finally:
            _let_go(message)
        return Received(target.codec, answer, node.name)

    async def close(self) -> None:
        """Close all connections."""
        for replicas in self._replicas.values():
            await replicas.close()
        self._envoy.close()

    def _target(self, node: Node, method: Method) -> _Target:
        service = names.service(self._graph, node.name)
        target = self._targets[node.name, method.name] = _Target(
            self._contracts.codec(service, method.rpc, method.params, None, method.result),
            f"/{service}/{method.rpc}".encode(),
            self._peers(names.application(self._graph, node.host)),
        )
        return target

    def _peers(self, application: str) -> Peers:
        if application not in self._replicas:
            self._replicas[application] = Replicas(self._folder, application, watched.connect)
        return Peers((self._replicas[application],), self._envoy)
