"""What can lie between a graph in process and its callers, and between its nodes: transports stacked on transports."""

from __future__ import annotations

from typing import Any

from meshgen.graph.model import Route
from meshgen.runtime.call.transport import Transport


class Layer:
    """Changes nothing by itself; a layer that does something overrides what it needs.

    A graph with layers runs on the executor, since compiled code calls nodes past every transport.
    """

    def request(self, _route: Route, value: Any) -> Any:
        """A request, as what is below this layer gets it."""
        return value

    def response(self, _route: Route, value: Any) -> Any:
        """An answer, as what is above this layer gets it."""
        return value

    def transport(self, inner: Transport) -> Transport:
        """A transport that makes its calls over `inner`."""
        return inner
