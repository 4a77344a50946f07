"""A graph in process whose every value passes through its contract, as on a mesh: encoded, and decoded again.

Shows before any mesh runs what copies, types and absent values will make of a graph.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshgen.codec.lazy import Received, plain, plainly
from meshgen.codec.rpc import Contracts, EncodeError, RpcCodec
from meshgen.contract import names
from meshgen.graph.model import Graph, Route
from meshgen.runtime.call.errors import blamed_for_request
from meshgen.runtime.call.result_errors import wrong_answer, wrong_result
from meshgen.runtime.call.transport import CallInfo, Transport
from meshgen.runtime.local.layers import Layer
from meshgen.runtime.nodes.callee import no_rpc
from meshgen.schema.values.writable import writable
from meshgen.status import InvalidArgument, Violation


class ThroughCodec(Layer):
    """The layer that puts the contracts of one graph between everything that would be apart on a mesh."""

    def __init__(self, graph: Graph, descriptors: bytes) -> None:
        """Compile the codecs.

        Args:
            graph: the graph.
            descriptors: its contract, a serialized `FileDescriptorSet`.

        Raises:
            MeshgenError: the contract is not that of the graph.
        """
        self._graph = graph
        contracts = Contracts(descriptors)
        self._routes = {r.rpc: _route_codec(graph, r, contracts) for r in graph.routes}
        self._methods = {
            (n.name, m.name): contracts.codec(names.service(graph.name, n.name), m.rpc, m.params, None, m.result)
            for n in graph.services
            for m in n.methods
        }

    def request(self, route: Route, value: Any) -> Any:
        """A request as the driver decodes it.

        Raises:
            InvalidArgument: it does not fit the contract.
        """
        codec = self._routes[route.rpc]
        try:
            return codec.decode_request(codec.encode_request(value))
        except EncodeError as error:  # a client could not even have said it
            raise InvalidArgument(str(error), violations=(Violation(error.path, error.reason),)) from error

    def response(self, route: Route, value: Any) -> Any:
        """An answer as the client decodes it."""
        codec = self._routes[route.rpc]
        try:
            return writable(codec.decode_response(codec.encode_response(value)))
        except EncodeError as error:
            raise wrong_answer(self._graph, route, plain(value), error) from None

    def transport(self, inner: Transport) -> Transport:
        """`inner`, with both directions of every call through the contract. Inline nodes are not apart."""
        return _ThroughContract(inner, self._methods)


class _ThroughContract:
    def __init__(self, inner: Transport, codecs: Mapping[tuple[str, str], RpcCodec]) -> None:
        self._inner = inner
        self._codecs = codecs

    async def call(self, call: CallInfo, arguments: Mapping[str, Any]) -> Any:
        node, method = call.node, call.method
        codec = self._codecs.get((node.name, method.name))
        if codec is None:
            if node.published:
                raise no_rpc(node, method)
            return await self._inner.call(call, plainly(arguments))
        data = codec.encode_request(arguments)
        try:
            with blamed_for_request(node):
                received = codec.decode_request(data)
        except InvalidArgument:
            plainly(arguments)  # as `RemoteTransport` does: was it the fault of the node that an argument came from?
            raise
        result = await self._inner.call(call, received)
        try:
            return Received(codec, codec.encode_response(result), node.name)
        except EncodeError as error:
            raise wrong_result(node, method.result, result, error) from None


def _route_codec(graph: Graph, route: Route, contracts: Contracts) -> RpcCodec:
    request = graph.request(route)
    return contracts.codec(names.service(graph.name), route.rpc, request.params, request.record, route.result)
