"""The one seam between running a graph in process and running it on a mesh."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from meshgen.graph.model import Method, Node


class Transport(Protocol):
    """Calls a method of a node, wherever the node runs."""

    async def call(self, node: Node, method: Method, arguments: Mapping[str, Any], *, alone: bool) -> Any:
        """The method's result; from afar it may be `Received`, which callers make `plain` when they look at it.

        Args:
            node: whose method it is.
            method: one of `node.methods`.
            arguments: by parameter name; those left to their default are absent. Some may be undecoded, if this
                transport gave them.
            alone: nothing else of this request runs meanwhile, so blocking the event loop's thread harms nobody.

        Raises:
            Exception: what user code raised (in process), or a `StatusError` (on a mesh).
        """
