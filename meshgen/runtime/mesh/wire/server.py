"""The replica's end of the wire: gRPC over HTTP/1.1 on a Unix socket, for Envoy and for callers on this machine.

Envoy asks so when its cluster says `enable_trailers`; `curl --unix-socket` can, too. A call has its connection to
itself, so that the end of the connection is the end of the call, and the kernel's flow control is that of a stream.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

from meshgen.runtime.mesh.handler import Rpc
from meshgen.runtime.mesh.wire.exchange import Exchange

_BACKLOG = 4096
"""Callers that connect at the same time; the kernel refuses others, who try again."""
_MOST_CONNECTIONS = 16_384
_LOOK_S = 0.25
"""The pause between two looks: for connections on which nothing moves, and whether the replica is to end."""
_log = logging.getLogger(__name__)


class Server:
    """Answers rpcs on a socket until it is closed."""

    def __init__(
        self, path: Path, rpcs: Mapping[str, Rpc], *, most: int, well: Callable[[], bool], leaving: Callable[[], bool]
    ) -> None:
        """Bind the socket; nobody is let in yet.

        Args:
            path: of the socket, not longer than 107 bytes; a file that is left there by a process that ended goes.
            rpcs: by path, `/package.Service/Rpc`.
            most: bytes of the longest message that is taken.
            well: whether the replica should get calls.
            leaving: whether it is to end when what is under way has ended.

        Raises:
            OSError: the socket cannot be made.
        """
        self.path = path
        self.rpcs: Mapping[bytes, Rpc] = {name.encode(): rpc for name, rpc in rpcs.items()}
        self.most = most
        self.well = well
        self._leaving = leaving
        self.draining = False
        """Connections are closed after their next answer."""
        self._socket = _bound(path)
        self._server: asyncio.Server | None = None
        self._open: set[Exchange] = set()
        self._looking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Let callers in, on this event loop."""
        loop = asyncio.get_running_loop()
        # It must be kept: uvloop ends a server that nobody holds.
        self._server = await loop.create_unix_server(self._exchange, sock=self._socket, backlog=_BACKLOG)
        self._looking = loop.create_task(self._look())

    def drain(self) -> None:
        """Let nobody in any more; what is under way ends as it would."""
        if not self.draining:
            self.draining = True
            self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close all connections; what is under way is cancelled."""
        self.drain()
        if self._looking is not None:
            self._looking.cancel()
        if self._server is not None:
            self._server.close()
        for exchange in list(self._open):
            exchange.abort()

    def entered(self, exchange: Exchange) -> bool:
        """Whether there is room for one more connection."""
        if len(self._open) >= _MOST_CONNECTIONS:
            _log.warning("%d connections are open, which are the most", len(self._open))
            return False
        self._open.add(exchange)
        return True

    def left(self, exchange: Exchange) -> None:
        """A connection is over."""
        self._open.discard(exchange)

    def _exchange(self) -> Exchange:
        return Exchange(self)

    async def _look(self) -> None:
        """Drain when it is time; end connections whose callers say no more, or do not take their answer."""
        while True:
            await asyncio.sleep(_LOOK_S)
            if self._leaving():
                self.drain()
            now = asyncio.get_running_loop().time()
            for exchange in [e for e in self._open if e.overdue(now)]:
                exchange.abort()


def _bound(path: Path) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        path.unlink(missing_ok=True)
        made.bind(os.fspath(path))
    except OSError:
        made.close()
        raise
    made.setblocking(False)
    return made
