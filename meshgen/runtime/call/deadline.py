"""How long a call of a node may take, wherever the node runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from meshgen.runtime.call.context import current
from meshgen.runtime.call.transport import CallInfo
from meshgen.status import DeadlineExceeded

T = TypeVar("T")

_RETURN_S = 0.02
_RETURN_SHARE = 0.1


def time_limit(call: CallInfo) -> float | None:
    """Seconds for a call that starts now: what the request has left, or the limit of its policy when that is less.

    Returns:
        None when neither sets a limit.

    Raises:
        DeadlineExceeded: no time is left.
    """
    request, limit = current(), call.policy.timeout_s
    left = None if request is None else request.remaining()
    if left is not None and (limit is None or left < limit):
        limit = left
    if limit is not None and limit <= 0:
        raise no_time(call.node.name)
    return limit


def left_after(remaining: float) -> float:
    """Seconds that who is called may take, of those that the caller has.

    The rest is for the hop back: an error with its details shall be there before the caller gives up.
    """
    return remaining - min(_RETURN_S, _RETURN_SHARE * remaining)


def no_time(node: str) -> DeadlineExceeded:
    """The error for a call that cannot start any more."""
    return DeadlineExceeded(f"no time was left to call node '{node}'", node=node)


def too_late(node: str, limit: float) -> DeadlineExceeded:
    """The error for a call that took longer than `limit` seconds."""
    return DeadlineExceeded(f"node '{node}' did not answer within {limit:.3g} s", node=node)


async def in_time(node: str, work: Awaitable[T], limit: float | None) -> T:
    """What `work` gives, if it does so within `limit` seconds.

    Raises:
        DeadlineExceeded: it does not.
    """
    clock = asyncio.timeout(limit)
    try:
        async with clock:
            return await work
    except TimeoutError:
        if clock.expired():
            raise too_late(node, limit or 0) from None
        raise  # the user's own
