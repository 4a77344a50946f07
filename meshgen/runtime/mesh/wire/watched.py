"""A replica of this machine as its callers know it: a pool of connections, and what it says of itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from meshgen.codec.wireformat import Buffer
from meshgen.limits import MESSAGE_HEADER
from meshgen.runtime.call.metadata import Metadata
from meshgen.runtime.mesh.bulk import letter
from meshgen.runtime.mesh.bulk.folder import Folder, GoneError, configured
from meshgen.runtime.mesh.bulk.held import keep
from meshgen.runtime.mesh.bulk.letter import Letter, Posted
from meshgen.runtime.mesh.channel import Connection, LostError
from meshgen.runtime.mesh.wire import vitals
from meshgen.runtime.mesh.wire.peer import Peer
from meshgen.runtime.mesh.wire.vitals import Vitals
from meshgen.status import StatusError

_SILENT_S = 2.5 * vitals.AT_LEAST_EVERY_S
"""How long a replica that is well says nothing, at most, on a busy machine."""
_FOR_EVER_S = 10.0**7
_LOOK_S = 0.05
_BY_SOCKET = (MESSAGE_HEADER, "")
"""Of a request that goes by the socket; its answer may go by name."""


async def connect(path: Path) -> Replica:
    """Connect to the replica that listens at a path. Raises OSError when none does, or something else."""
    replica = Replica(path)
    try:
        await replica.hear()
    except (LostError, StatusError, ValueError, StopAsyncIteration) as error:
        replica.close()
        raise ConnectionError(f"no replica answers at {path}: {error}") from None
    return replica


class Replica(Peer, Connection):
    """Calls to one replica, from the event loop that connected it."""

    def __init__(self, path: Path) -> None:
        """Use `connect`, which makes one and connects it."""
        super().__init__(path)
        self.replica = path.stem
        self._told: AsyncIterator[Buffer] = self._streamed(vitals.PATH.encode(), _nothing(), _FOR_EVER_S, ())
        self._last = Vitals(well=False, slots=0)
        self._heard_at = 0.0
        self._elsewhere = 0
        """Requests of others that the replica works on."""

    @property
    def load(self) -> int:
        """How much the replica has to do: calls from here, and those of others when it last told."""
        return self.busy + self._elsewhere

    @property
    def ready(self) -> bool:
        """The replica is well, and has said so lately."""
        return self._last.well and asyncio.get_running_loop().time() - self._heard_at < _SILENT_S

    async def call(self, path: bytes, message: bytes | Letter, seconds: float, metadata: Metadata) -> Buffer:
        """Call an rpc and wait for its answer, either by name where it is big; `Channel` says more."""
        folder = configured()
        if folder is None:
            return await super().call(path, message, seconds, metadata)
        if isinstance(message, bytes):
            return _read(await self._called(path, message, seconds, (*metadata, _BY_SOCKET)), folder)
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        try:
            with message.sent() as header:
                if header is not None:
                    by_name = (MESSAGE_HEADER, header)
                    return _read(await self._called(path, message.rest, seconds, (*metadata, by_name)), folder)
        except GoneError:
            pass  # by its bytes, then
        return await super().call(path, message, end - loop.time(), metadata)

    async def hear(self) -> None:
        """Take in what the replica says next of itself.

        Raises:
            LostError: it is gone.
            StatusError: it says nothing of itself.
            StopAsyncIteration: it has ended.
            ValueError: it says something else.
        """
        self._last = now = Vitals.from_bytes(await anext(self._told))
        self._heard_at = asyncio.get_running_loop().time()
        self._elsewhere = max(0, now.slots - self.busy)

    async def watch(self) -> None:
        """Hear how the replica is, until it is gone."""
        try:
            while True:
                await self.hear()
        except (LostError, StatusError, ValueError, StopAsyncIteration):
            self._last = Vitals(well=False, slots=0)

    async def finish(self) -> None:
        """Close the connections when the calls under way are done."""
        while self.busy:  # noqa: ASYNC110 - seldom, and nobody waits for it
            await asyncio.sleep(_LOOK_S)
        self.close()


def _read(answer: Buffer | Posted, folder: Folder) -> Buffer:
    if not isinstance(answer, Posted):
        return answer
    try:
        return letter.received(answer.header, b"", folder, keep, writable=False)
    except GoneError as error:
        raise LostError(f"its answer is gone: {error}", begun=True) from None


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield
