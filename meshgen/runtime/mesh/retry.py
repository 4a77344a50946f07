"""When a call whose peer was lost is tried again: once, and only if that can do no harm."""

from __future__ import annotations

import time

from meshgen.codec.wireformat import Buffer
from meshgen.runtime.call.metadata import TRIED, Metadata
from meshgen.runtime.mesh.bulk.letter import Letter
from meshgen.runtime.mesh.call_errors import as_loss, follow
from meshgen.runtime.mesh.channel import LostError
from meshgen.runtime.mesh.peers import Peers
from meshgen.status import Unavailable


async def call(
    peers: Peers,
    node: str,
    path: bytes,
    message: bytes | Letter,
    seconds: float,
    metadata: Metadata,
    *,
    idempotent: bool,
) -> Buffer:
    """Call one of the peers, and another when the first was lost; both together get the time of one.

    Args:
        peers: who can answer.
        node: whose rpc it is.
        path: `/package.Service/Rpc`.
        message: the serialized request, or where it is.
        seconds: to wait at most.
        metadata: as in gRPC.
        idempotent: a call that may have run can run again.

    Raises:
        LostError: the peer was lost, and there is no other, or it was lost too, or the call may have run and must not
            run twice.
        Exception: what else `Channel.call` raises.
    """
    end = time.monotonic() + seconds
    channel = peers.at_hand() or await peers.settled(seconds)
    try:
        return await channel.call(path, message, end - time.monotonic(), metadata)
    except LostError as lost:
        first = follow(lost, channel, node)
        other = peers.besides(channel)
        if other is None or (lost.begun and not idempotent):
            raise
    again = (*metadata, TRIED) if first.begun else metadata
    try:
        return await other.call(path, message, end - time.monotonic(), again)
    except LostError as lost:
        follow(lost, other, node).first = first
        raise
    except Unavailable as error:
        raise as_loss(error, first) from None
