"""The one table from exceptions to statuses.

User code raises `StatusError`s to speak to the caller. Whatever else it raises is a bug in it, and INTERNAL: a
`ValueError` deep inside numpy is not the caller's fault.
"""

from __future__ import annotations

import asyncio
import contextlib

from meshgen.graph.model import Node
from meshgen.status import Cancelled, Internal, StatusError

_NODE = "__meshgen_node__"


def blame(error: BaseException, node: Node) -> None:
    """Write on an exception of user code which node raised it; the first writer is right."""
    if isinstance(error, StatusError):
        error.node = error.node or node.name
    elif not hasattr(error, _NODE):
        with contextlib.suppress(AttributeError):  # an exception class with __slots__
            setattr(error, _NODE, node.name)
            error.add_note(f"in node '{node.name}' ({node.span})")


def as_status(error: BaseException, node: str) -> StatusError:
    """What the caller gets for an exception.

    Args:
        error: anything that was raised while a request ran.
        node: blamed when the error itself does not say which node it came from.
    """
    if isinstance(error, StatusError):
        error.node = error.node or node
        return error
    name = getattr(error, _NODE, node)
    if isinstance(error, asyncio.CancelledError):
        return Cancelled("the request was cancelled", node=name)
    status = Internal(f"internal error in node '{name}'", node=name)
    status.__cause__ = error
    return status
