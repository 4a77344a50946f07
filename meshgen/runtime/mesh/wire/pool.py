"""Which replica of this machine a call goes to, when it goes straight there and not through Envoy."""

from __future__ import annotations

import asyncio
import contextvars
import os
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from operator import attrgetter
from pathlib import Path
from typing import TypeAlias

from meshgen.errors import MeshgenError
from meshgen.runtime.mesh.channel import Connection

Connect: TypeAlias = Callable[[Path], Awaitable[Connection]]
"""The path at which a replica listens → a connection to it; raises OSError."""

FOLDER = "MESHGEN_REPLICAS"
"""Environment variable: the folder with the sockets of replicas, and a list of them for each application."""
_FIRST_S = 1.0
"""The time of the first attempt to connect; a call that has waited so long goes through Envoy."""
_AGAIN_S = 0.5
"""The pause between two attempts to connect to a replica that is listed."""


def folder() -> Path:
    """The folder that `FOLDER` names in this process. Raises MeshgenError when it names none."""
    if not (name := os.environ.get(FOLDER)):
        raise MeshgenError(f"{FOLDER} is not set: the folder with the sockets of replicas is not known")
    return Path(name)


def socket_path(folder: Path, replica: str) -> Path:
    """The path at which a replica listens, by its id."""
    return folder / f"{replica}.sock"


def list_path(folder: Path, application: str) -> Path:
    """The file with the ids of the replicas of an application that take requests, a line each."""
    return folder / application


class Replicas:
    """The replicas of one application, connected to as long as they are listed, on the loop of the first call."""

    def __init__(self, folder: Path, application: str, connect: Connect) -> None:
        """Connect to nobody yet.

        Args:
            folder: that `FOLDER` names.
            application: name of the Serve application.
            connect: how a replica is connected to.
        """
        self._folder = folder
        self._connect = connect
        self._list = str(list_path(folder, application))
        self._seen: tuple[int, int] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._keepers: dict[str, _Keeper] = {}
        self._unlisted: set[_Keeper] = set()
        """Keepers of replicas that are not listed any more, while calls to them are under way."""

    def least_busy(self) -> Connection | None:
        """The one that has the least to do, any among equals; None when there is none to call straight."""
        if not self._follow_list():
            return None
        ready = [k.connection for k in self._keepers.values() if k.connection is not None and k.connection.ready]
        if len(ready) < 2:
            return ready[0] if ready else None
        # Not in turn: what autoscaling samples at its own pace would then be true of one replica and not of the others.
        random.shuffle(ready)
        return min(ready, key=_load)

    async def settled(self, seconds: float) -> Connection | None:
        """`least_busy`, once it was tried to connect to each that is listed; waits for some seconds at most."""
        if not self._follow_list():
            return None
        with suppress(TimeoutError):
            async with asyncio.timeout(min(seconds, _FIRST_S)):
                for keeper in list(self._keepers.values()):
                    await keeper.tried.wait()
        return self.least_busy()

    async def close(self) -> None:
        """Close all connections; what is under way is lost."""
        keepers = {*self._keepers.values(), *self._unlisted}
        for keeper in keepers:
            keeper.stop()
            if keeper.connection is not None:
                keeper.connection.close()
        await asyncio.gather(*(keeper.task for keeper in keepers), return_exceptions=True)

    def _follow_list(self) -> bool:
        """Follow the list when it has changed; to ask the file system each time takes some 2 µs.

        Returns:
            Whether connections are of use here: they are of none in a loop of a node's own, by `asyncio.run`.
        """
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
        if self._loop is not loop:
            return False
        try:
            found = os.stat(self._list)  # noqa: PTH116 - `Path.stat` takes longer
            if (found.st_mtime_ns, found.st_ino) != self._seen:
                self._keep_connected(set(Path(self._list).read_text(encoding="utf-8").split()))
                self._seen = (found.st_mtime_ns, found.st_ino)
        except OSError:
            # The next look may be luckier; meanwhile nothing has changed.
            pass
        return True

    def _keep_connected(self, listed: set[str]) -> None:
        for replica in self._keepers.keys() - listed:
            keeper = self._keepers.pop(replica)
            self._unlisted = {k for k in self._unlisted if not k.task.done()} | {keeper}
            keeper.stop()
        for replica in listed - self._keepers.keys():
            self._keepers[replica] = _Keeper(socket_path(self._folder, replica), self._connect)


class _Keeper:
    """Stays connected to one replica until it is stopped; what was begun until then is ended."""

    def __init__(self, path: Path, connect: Connect) -> None:
        self._path = path
        self._connect = connect
        self.connection: Connection | None = None
        self.tried = asyncio.Event()
        """The first attempt to connect is over."""
        # Not in the context of the request that happened to be the first to need it.
        self.task = asyncio.get_running_loop().create_task(self._keep(), context=contextvars.Context())

    def stop(self) -> None:
        self.tried.set()
        self.task.cancel()

    async def _keep(self) -> None:
        while True:
            self.connection = connection = await self._connected()
            self.tried.set()
            if connection is not None:
                try:
                    await connection.watch()
                finally:
                    await connection.finish()
            await asyncio.sleep(_AGAIN_S)

    async def _connected(self) -> Connection | None:
        try:
            return await self._connect(self._path)
        except OSError:
            return None


_load = attrgetter("load")
