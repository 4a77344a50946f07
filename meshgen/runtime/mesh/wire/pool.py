"""Which replica a call goes to, when it goes straight there and not through Envoy."""

from __future__ import annotations

import asyncio
import contextvars
import os
import random
from contextlib import suppress
from operator import attrgetter
from pathlib import Path

from meshgen.runtime.mesh.wire.link import Link

FOLDER = "MESHGEN_REPLICAS"
"""Environment variable: the folder with the sockets of replicas, and a list of them for each application.

Where it is not set, all calls go through Envoy.
"""
_FIRST_S = 1.0
"""For the first attempt to connect; a call that has waited so long goes through Envoy."""
_AGAIN_S = 0.5
"""Between two attempts to connect to a replica that is listed."""


def configured_folder() -> Path | None:
    """What `FOLDER` says in this process."""
    folder = os.environ.get(FOLDER)
    return Path(folder) if folder else None


def socket_path(folder: Path, replica: str) -> Path:
    """Where a replica listens, by its id."""
    return folder / f"{replica}.sock"


def list_path(folder: Path, application: str) -> Path:
    """The file with the ids of the replicas of an application that take requests, a line each."""
    return folder / application


class Replicas:
    """Those of one application; connected to as long as they are listed. Belongs to the loop of the first call."""

    def __init__(self, folder: Path, application: str) -> None:
        """Args: what `FOLDER` says, and the name of the Serve application."""
        self._folder = folder
        self._list = str(list_path(folder, application))
        self._seen: tuple[int, int] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._keepers: dict[str, _Keeper] = {}
        self._leaving: set[_Keeper] = set()
        """Of replicas that are not listed any more, while calls to them are under way."""

    def least_busy(self) -> Link | None:
        """The one with the fewest calls under way, any among equals; None when there is none to call straight."""
        if not self._look():
            return None
        links = [k.link for k in self._keepers.values() if k.link is not None and k.link.ready]
        if len(links) < 2:
            return links[0] if links else None
        # Not in turn: what autoscaling samples at its own pace would then be true of one replica and not of the others.
        random.shuffle(links)
        return min(links, key=_busy)

    async def settled(self, seconds: float) -> Link | None:
        """`least_busy`, once it was tried to connect to each that is listed; waits for some seconds at most."""
        if not self._look():
            return None
        with suppress(TimeoutError):
            async with asyncio.timeout(min(seconds, _FIRST_S)):
                for keeper in list(self._keepers.values()):
                    await keeper.tried.wait()
        return self.least_busy()

    async def close(self) -> None:
        """Close all connections; what is under way is lost."""
        keepers = {*self._keepers.values(), *self._leaving}
        for keeper in keepers:
            keeper.stop()
            if keeper.link is not None:
                keeper.link.close()
        await asyncio.gather(*(keeper.task for keeper in keepers), return_exceptions=True)

    def _look(self) -> bool:
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
                self._follow(set(Path(self._list).read_text(encoding="utf-8").split()))
                self._seen = (found.st_mtime_ns, found.st_ino)
        except OSError:
            # The next look may be luckier; meanwhile nothing has changed.
            pass
        return True

    def _follow(self, listed: set[str]) -> None:
        for replica in self._keepers.keys() - listed:
            keeper = self._keepers.pop(replica)
            self._leaving = {k for k in self._leaving if not k.task.done()} | {keeper}
            keeper.stop()
        for replica in listed - self._keepers.keys():
            self._keepers[replica] = _Keeper(str(socket_path(self._folder, replica)))


class _Keeper:
    """Stays connected to one replica until it is stopped; what was begun until then is ended."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.link: Link | None = None
        self.tried = asyncio.Event()
        """The first attempt to connect is over."""
        # Not in the context of the request that happened to be the first to need it.
        self.task = asyncio.get_running_loop().create_task(self._keep(), context=contextvars.Context())

    def stop(self) -> None:
        self.tried.set()
        self.task.cancel()

    async def _keep(self) -> None:
        while True:
            self.link = await self._connected()
            self.tried.set()
            if self.link is not None:
                try:
                    await self.link.watch()
                finally:
                    await self.link.finish()
            await asyncio.sleep(_AGAIN_S)

    async def _connected(self) -> Link | None:
        try:
            _, link = await asyncio.get_running_loop().create_unix_connection(Link, self._path)
        except OSError:
            return None
        return link


_busy = attrgetter("busy")
