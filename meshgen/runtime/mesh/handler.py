"""The seam for bytes from a caller: what a replica answers an rpc with, whatever carried it here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from meshgen.codec.wireformat import Buffer
from meshgen.runtime.call.metadata import MetadataByKey
from meshgen.runtime.mesh.bulk.letter import Named
from meshgen.status import Code

Handler: TypeAlias = Callable[[Buffer, MetadataByKey, float | None], Awaitable[bytes | Named]]
"""Message, metadata and seconds that the caller waits (None: for ever) → answer; raises `FailedError`.

The answer goes by name only where `bulk.held.HELD` says that it may.
"""


@dataclass(frozen=True, slots=True)
class Streaming:
    """What an rpc with several requests, several answers or both is answered with."""

    answers: Callable[[AsyncIterator[Buffer], MetadataByKey, float | None], AsyncIterator[bytes]]
    """Messages, metadata and seconds → answers, each sent when it is there; raises `FailedError`."""


Rpc: TypeAlias = Handler | Streaming


class FailedError(Exception):
    """What a call failed with, ready to be sent."""

    def __init__(self, code: Code, message: str, details: bytes, trailers: tuple[tuple[str, str], ...] = ()) -> None:
        """Args: the status, its text, the serialized `google.rpc.Status`, and what only proxies need to know."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details
        self.trailers = trailers
