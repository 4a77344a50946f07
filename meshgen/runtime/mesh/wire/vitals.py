"""What a replica says of itself to its callers, as long as they are connected: how it is and how much it has to do.

It is an rpc of the wire like others, with several answers, which Serve does not count. Its end means that the replica
is gone; its silence, that it does not get to answer.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final

from meshgen.codec.wireformat import Buffer
from meshgen.runtime.call.metadata import MetadataByKey

PATH: Final = "/meshgen.internal.Replica/Watch"
AT_LEAST_EVERY_S: Final = 1.0
"""Between two answers however little changes."""
_LOOK_S = 0.25
"""Between two looks for changes."""
_FORM = struct.Struct("!BI")


@dataclass(frozen=True, slots=True)
class Vitals:
    """How a replica is."""

    well: bool
    """Serve would send requests to it: it has passed its last health check, and is not being drained."""
    slots: int
    """Requests that it works on, whoever sent them."""

    def to_bytes(self) -> bytes:
        """As it is sent."""
        return _FORM.pack(self.well, self.slots)

    @classmethod
    def from_bytes(cls, data: Buffer) -> Vitals:
        """As it was sent. Raises ValueError when it is something else."""
        try:
            well, slots = _FORM.unpack(data)
        except struct.error as error:
            raise ValueError(str(error)) from None
        return cls(bool(well), slots)


class Watch:
    """Answers the callers of one replica: at once, after each change, and now and then."""

    def __init__(self, look: Callable[[], tuple[bool, int]]) -> None:
        """Args: whether the replica is well, and its requests under way."""
        self._look = look

    async def __call__(
        self, _messages: AsyncIterator[Buffer], _metadata: MetadataByKey, _seconds: float | None
    ) -> AsyncIterator[bytes]:
        """What callers are told, for ever."""
        told, quiet_s = None, 0.0
        while True:
            now = Vitals(*self._look())
            if now != told or quiet_s >= AT_LEAST_EVERY_S:
                told, quiet_s = now, 0.0
                yield now.to_bytes()
            await asyncio.sleep(_LOOK_S)
            quiet_s += _LOOK_S
