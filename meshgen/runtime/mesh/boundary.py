"""What stands between a published node and a caller in its own process: the checks of a border between processes.

Rules of parameters are enforced, a result must be of its type, whatever goes wrong is a status that names the node.
Values are not copied and have no size limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshgen.codec.rpc import Contracts
from meshgen.contract import names
from meshgen.graph.model import Graph, Method, Node
from meshgen.runtime.call import tracing
from meshgen.runtime.call.errors import blame, blamed_for_request
from meshgen.runtime.call.told import as_told
from meshgen.runtime.call.transport import CallInfo
from meshgen.runtime.nodes.instance import Instance
from meshgen.schema.check.requests import request_check
from meshgen.schema.model import Choice, EnumOf, Nothing, Optional, Scalar, Type
from meshgen.schema.relate.assignable import holds


class Boundary:
    """The checks of one method of a published node."""

    def __init__(self, graph: Graph, node: Node, method: Method, contracts: Contracts) -> None:
        """Compile the checks."""
        service = names.service(graph.name, node.name)
        self._node = node
        self._method = method
        self.codec = contracts.codec(service, method.rpc, method.params, None, method.result, own=True)
        self._enforce = request_check(method.params)
        self._is_flat = is_flat(method.result)
        self.attributes = {
            tracing.GRAPH: graph.name,
            "rpc.service": service,
            tracing.METHOD: method.rpc,
            tracing.NODE: node.name,
        }
        """Attributes of the span, as a replica of the node's own would set them."""

    async def call(self, instance: Instance, call: CallInfo, arguments: Mapping[str, Any]) -> Any:
        """Call the node.

        Raises:
            StatusError: whatever went wrong, in the node's name; a bug is the cause.
        """
        try:
            if self._enforce is not None:
                with blamed_for_request(self._node):
                    self._enforce(arguments)
            result = await instance.invoke(call, arguments)
            if not (self._is_flat and holds(result, self._method.result)):
                self.codec.check_response(result)
        except Exception as error:  # noqa: BLE001 - user code's, whatever it is
            blame(error, self._node)
            raise as_told(error, self._node.name)  # noqa: B904 - `as_told` gives it its cause
        return result

    def check_arguments(self, arguments: Mapping[str, Any]) -> None:
        """Raise EncodeError for what the contract cannot carry."""
        self.codec.check_request(arguments)


def is_flat(type_: Type) -> bool:
    """`holds` sees at a glance all that there is of such a value; others are best judged by the codec."""
    match type_:
        case Optional(item=item):
            return is_flat(item)
        case _:
            return isinstance(type_, Scalar | Choice | EnumOf | Nothing)
