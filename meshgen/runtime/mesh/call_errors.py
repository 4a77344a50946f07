"""What a call that failed on its way is to its caller: a status that names the node, whoever else spoke."""

from __future__ import annotations

from meshgen.runtime.call.deadline import too_late
from meshgen.runtime.mesh.channel import LostError
from meshgen.status import BY_CODE, Code, StatusError, Unavailable


def as_nodes_own(error: StatusError | LostError | TimeoutError, node: str, seconds: float) -> StatusError:
    """The status of a failed call.

    Args:
        error: what `Channel.call` raised.
        node: that was called.
        seconds: that it had.
    """
    match error:
        case TimeoutError():
            return too_late(node, seconds)
        case LostError():
            return Unavailable(_unreachable(node, str(error)), node=node)
        case StatusError() if error.node:
            return error
        case StatusError(code=Code.DEADLINE_EXCEEDED):
            return too_late(node, seconds)
        # Not from a node of ours: gRPC's or Envoy's own words, in which the node's name is missing.
        case StatusError(code=Code.UNAVAILABLE):
            return Unavailable(_unreachable(node, error.message), node=node)
        case StatusError():
            return BY_CODE[error.code](f"node '{node}': {error.message}", node=node)


def _unreachable(node: str, why: str) -> str:
    return f"node '{node}' cannot be reached: {why}"
