"""Which replica a call goes to, when it goes straight there and not through Envoy."""

from __future__ import annotations

import asyncio
import contextvars
import os
from contextlib import suppress
from pathlib import Path

from meshgen.runtime.link import Link

FOLDER = "MESHGEN_REPLICAS"
"""Environment variable: the folder with the sockets of replicas, and a list of them for each application.

Where it is not set, all calls go through Envoy.
"""
_FIRST_S = 1.0
"""For the first attempt to connect; a call that has waited so long goes through Envoy."""
_AGAIN_S = 0.5
"""Between two attempts to connect to a replica that is listed."""


def socket_path(folder: Path, replica: str) -> Path:
    """Where a replica listens, by its id."""
    return folder / f"{replica}.sock"


def list_path(folder: Path, application: str) -> Path:
    """The file with the ids of the replicas of an application that take requests, a line each."""
    return folder / application


class Replicas:
    """Those of one application; connected to as long as they are listed. Belongs to one event loop."""

    def __init__(self, folder: Path, application: str) -> None:
        """Args: what `FOLDER` says, and the name of the Serve application."""
        self._folder = folder
        self._list = str(list_path(folder, application))
        self._seen: tuple[int, int] | None = None
        self._links: dict[str, Link] = {}
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._tried: dict[str, asyncio.Event] = {}
        """Of each keeper: its first attempt to connect is over."""
        self._turn = 0

    def least_busy(self) -> Link | None:
        """The one with the fewest calls under way, in turn among equals; None when there is none to call straight."""
        self._look()
        links = list(self._links.values())
        if len(links) == 1:
            return links[0] if links[0].ready else None
        self._turn += 1
        best: Link | None = None
        for place in range(self._turn, self._turn + len(links)):
            link = links[place % len(links)]
            if link.ready and (best is None or link.busy < best.busy):
                best = link
        return best

    async def settled(self) -> Link | None:
        """`least_busy`, once there was an attempt to connect to each that is listed, which takes a moment."""
        self._look()
        with suppress(TimeoutError):
            async with asyncio.timeout(_FIRST_S):
                for tried in list(self._tried.values()):
                    await tried.wait()
        return self.least_busy()

    async def close(self) -> None:
        """Close all connections; what is under way is lost."""
        for keeper in self._keepers.values():
            keeper.cancel()
        for link in self._links.values():
            link.close()
        await asyncio.gather(*self._keepers.values(), return_exceptions=True)

    def _look(self) -> None:
        """Follow the list when it has changed; to ask the file system each time takes some 2 µs."""
        try:
            found = os.stat(self._list)  # noqa: PTH116 - `Path.stat` takes longer
        except OSError:
            return
        seen = (found.st_mtime_ns, found.st_ino)
        if seen != self._seen:
            self._seen = seen
            self._follow(set(Path(self._list).read_text(encoding="utf-8").split()))

    def _follow(self, listed: set[str]) -> None:
        for replica in self._keepers.keys() - listed:
            self._keepers.pop(replica).cancel()
            self._tried.pop(replica).set()
            self._links.pop(replica, None)
        for replica in listed - self._keepers.keys():
            tried = self._tried[replica] = asyncio.Event()
            # Not in the context of the request that happened to see it first.
            context = contextvars.Context()
            self._keepers[replica] = asyncio.get_running_loop().create_task(self._keep(replica, tried), context=context)

    async def _keep(self, replica: str, tried: asyncio.Event) -> None:
        """Stay connected to a replica until cancelled."""
        path = str(socket_path(self._folder, replica))
        while True:
            link = await _connected(path)
            if link is not None:
                self._links[replica] = link
            tried.set()
            try:
                if link is not None:
                    await link.watch()
                    self._links.pop(replica, None)
                await asyncio.sleep(_AGAIN_S)
            finally:
                # Drained like the replica: what it has begun it ends.
                if link is not None:
                    await link.finish()


async def _connected(path: str) -> Link | None:
    try:
        _, link = await asyncio.get_running_loop().create_unix_connection(Link, path)
    except OSError:
        return None
    return link
