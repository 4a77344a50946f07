"""What a call that failed on its way is to its caller: a status that names the node, whoever else spoke.

A call whose replica ended while it worked on it is also an error in the log, with its trace, tried again or not: to
whoever runs the graph it says which request it was.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from meshgen.rayserve.fork.ends import End, how_it_ended
from meshgen.rayserve.logs import LOGGER
from meshgen.runtime.call.context import current
from meshgen.runtime.call.deadline import too_late
from meshgen.runtime.mesh.channel import Channel, LostError
from meshgen.status import BY_CODE, Code, StatusError, Unavailable

REPLICA_DIED: Final = "REPLICA_DIED"
"""The reason of the error for a call whose replica ended while it worked on it."""
_CUT: Final = "connection termination"
"""What Envoy says of a replica that was lost with the call; of one that it did not reach it says other things."""
_AGAIN = "try again if that can do no harm"
_SUSPECT = "the request itself may be the cause, so look into it before it is sent again"
_log = logging.getLogger(LOGGER)


async def as_nodes_own(error: StatusError | LostError | TimeoutError, node: str, seconds: float) -> StatusError:
    """The status of a failed call.

    Args:
        error: what `retry.call` raised.
        node: that was called.
        seconds: that it had.
    """
    match error:
        case TimeoutError():
            return too_late(node, seconds)
        case LostError(end=None, first=None | LostError(end=None)):
            return Unavailable(_unreachable(node, str(error)), node=node)
        case LostError():
            return await _died(error, node)
        case StatusError() if error.node:
            return error
        case StatusError(code=Code.DEADLINE_EXCEEDED):
            return too_late(node, seconds)
        # Not from a node of ours: gRPC's or Envoy's own words, in which the node's name is missing.
        case StatusError(code=Code.UNAVAILABLE):
            return Unavailable(_unreachable(node, error.message), node=node)
        case StatusError():
            return BY_CODE[error.code](f"node '{node}': {error.message}", node=node)


def follow(lost: LostError, channel: Channel, node: str) -> LostError:
    """Find out, beside, how the replica ended that was lost while it worked on a call, and log it.

    Args:
        lost: what the channel raised.
        channel: that was lost.
        node: that was called.
    """
    if lost.begun and channel.replica:
        lost.end = asyncio.create_task(_logged_end(channel.replica, node))
    return lost


def as_loss(error: Unavailable, first: LostError) -> Exception:
    """The error of a second try: a loss after the first one if it is Envoy's own and not a node's."""
    if error.node or first.end is None:
        return error
    lost = LostError(error.message, begun=True)
    lost.first = first
    return lost


async def _logged_end(replica: str, node: str) -> End | None:
    request = current()
    end = await how_it_ended(replica)
    if end is None or not end.is_wanted:
        who = f"replica {replica}, process {end.pid}" if end else f"replica {replica}"
        place = f"; graph '{request.graph}', trace {request.trace_id}" if request else ""
        _log.error("node '%s' %s while it worked on a call (%s%s)", node, _how(end), who, place)
    return end


async def _died(lost: LostError, node: str) -> Unavailable:
    first = lost if lost.first is None or lost.first.end is None else lost.first
    # Not awaited itself: this call may be cancelled, and the log is to have it.
    end = await asyncio.shield(first.end) if first.end else None
    if first is lost:
        rest = f"; it was not tried again: {_AGAIN}"
    elif lost.end is not None or _CUT in str(lost):
        rest = f", and so did the replica that was tried next: {_SUSPECT}"
    else:
        rest = f", and no other could be reached: {lost}"
    text = f"node '{node}' {_how(end)} while it worked on the call{rest}"
    return Unavailable(text, node=node, reason=REPLICA_DIED, metadata=_for_programs(end))


def _how(end: End | None) -> str:
    if end is None:
        return "hung up"
    return "stopped" if end.is_wanted else f"ended ({end})"


def _for_programs(end: End | None) -> dict[str, str]:
    if end is None:
        return {}
    how = {"signal": end.signal} if end.signal else {"exit_code": str(end.exit_code)}
    return {"replica": end.replica, **how}


def _unreachable(node: str, why: str) -> str:
    return f"node '{node}' cannot be reached: {why}"
