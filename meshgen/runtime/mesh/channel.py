"""The seam for bytes to a peer: whatever carries an rpc to somebody who answers it.

Who makes a call sees none of what carries it. `peers` chooses the channel, `retry` takes another one when a peer was
lost, and `call_errors` makes of what went wrong the status that a caller is told: each knows nothing of the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

from meshgen.codec.wireformat import Buffer
from meshgen.rayserve.fork.ends import End
from meshgen.runtime.call.metadata import Metadata
from meshgen.runtime.mesh.bulk.letter import Letter


class LostError(Exception):
    """A peer was lost before its answer came."""

    def __init__(self, why: str = "the connection to the replica was lost", *, begun: bool) -> None:
        """Args: what happened, and whether the peer may have begun with the call; if not, another one can be asked."""
        super().__init__(why)
        self.begun = begun
        self.end: asyncio.Task[End | None] | None = None
        """How the replica ended, once that is known, if one was lost with the call; by `call_errors.follow`."""
        self.first: LostError | None = None
        """The loss before, because of which the call was tried again."""


class Channel(Protocol):
    """Carries rpcs to a peer, any number at a time, from the event loop that it was made on."""

    replica: str = ""
    """The id of the replica that is the peer; empty where another chooses one."""

    async def call(self, path: bytes, message: bytes | Letter, seconds: float, metadata: Metadata) -> Buffer:
        """Call an rpc and wait for its answer.

        Args:
            path: `/package.Service/Rpc`.
            message: the serialized request, or where it is.
            seconds: to wait at most; the peer is told.
            metadata: as in gRPC.

        Raises:
            StatusError: of the service; its `node` is empty when the service did not make it.
            TimeoutError: no answer came in time.
            LostError: the peer was lost first.
            ValueError: the metadata cannot be sent.
        """
        ...

    def stream(
        self,
        path: bytes,
        messages: AsyncIterator[bytes],
        seconds: float,
        metadata: Metadata,
    ) -> AsyncIterator[Buffer]:
        """Call an rpc with several requests, several answers or both; it raises what `call` does.

        Args:
            path: `/package.Service/Rpc`.
            messages: the serialized requests, each sent when it is there.
            seconds: until the last answer, at most; the peer is told.
            metadata: as in gRPC.
        """
        ...


class Connection(Channel, Protocol):
    """A channel to one peer, which says how that peer is."""

    @property
    def load(self) -> int:
        """How much the peer has to do: calls under way, those of others as far as it has said."""
        ...

    @property
    def ready(self) -> bool:
        """The peer is there and well, as far as it has said."""
        ...

    async def watch(self) -> None:
        """Hear how the peer is, until it is gone."""

    async def finish(self) -> None:
        """Close the connection when the calls under way are done."""

    def close(self) -> None:
        """Close the connection now."""
