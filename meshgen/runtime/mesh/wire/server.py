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
from contextlib import suppress
from pathlib import Path

from meshgen.runtime.mesh.handler import Rpc
from meshgen.runtime.mesh.wire.exchange import Exchange

_BACKLOG = 4096
"""Callers that connect at the same time; the kernel refuses others, who try again."""
_MOST_CONNECTIONS = 16_384
"""More callers wait in the kernel until others leave."""
_AT_ONCE = 256
"""Callers that are let in before those who are in get their turn."""
_LOOK_S = 0.25
"""The pause between two looks: for connections on which nothing moves, and whether the replica is to end."""
_FAREWELL_S = 1.0
"""How long one who leaves still lets callers in: they, Envoy and discovery have to hear of it first."""
_WARN_EVERY_S = 60.0
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
        self._open: set[Exchange] = set()
        self._entering: set[asyncio.Task[None]] = set()
        self._looking: asyncio.Task[None] | None = None
        self._is_shut = False
        """Nobody is let in until the next look."""
        self._last_warning = -_WARN_EVERY_S
        self._is_gone = False
        """There is no path to it any more."""

    async def start(self) -> None:
        """Let callers in, on this event loop."""
        loop = asyncio.get_running_loop()
        self._socket.listen(_BACKLOG)
        loop.add_reader(self._socket, self._let_in)
        self._looking = loop.create_task(self._look(loop))

    def drain(self) -> None:
        """Let nobody in any more after a moment; what is under way ends as it would."""
        if not self.draining:
            self.draining = True
            asyncio.get_running_loop().call_later(_FAREWELL_S, self._let_nobody_in)

    def close(self) -> None:
        """Close all connections; what is under way is cancelled."""
        self.draining = True
        self._let_nobody_in()
        if self._looking is not None:
            self._looking.get_loop().remove_reader(self._socket)
            self._looking.cancel()
            self._looking = None
        self._socket.close()
        for exchange in list(self._open):
            exchange.abort()

    def entered(self, exchange: Exchange) -> None:
        """There is one more connection."""
        self._open.add(exchange)

    def left(self, exchange: Exchange) -> None:
        """A connection is over."""
        self._open.discard(exchange)

    def _let_nobody_in(self) -> None:
        if not self._is_gone:  # the path may be another one's by now
            self._is_gone = True
            self.path.unlink(missing_ok=True)

    def _let_in(self) -> None:
        # Not by the loop's own server: that of uvloop lets one in for each of its turns, and those of a busy replica
        # take so long that callers have given up when they are let in.
        loop = asyncio.get_running_loop()
        for _ in range(_AT_ONCE):
            try:
                if len(self._open) + len(self._entering) >= _MOST_CONNECTIONS:
                    raise OSError(f"{_MOST_CONNECTIONS} connections are open, which are the most")  # noqa: TRY301
                made, _address = self._socket.accept()
            except BlockingIOError:
                return
            except OSError as error:  # often that of too many open files
                self._shut(error)
                return
            entering = loop.create_task(self._enter(made))
            self._entering.add(entering)
            entering.add_done_callback(self._entering.discard)

    def _shut(self, why: OSError) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() - self._last_warning >= _WARN_EVERY_S:
            self._last_warning = loop.time()
            _log.warning("%s lets nobody in for now: %s", self.path, why)
        self._is_shut = True
        loop.remove_reader(self._socket)

    async def _enter(self, made: socket.socket) -> None:
        with suppress(OSError):  # it is gone again
            await asyncio.get_running_loop().connect_accepted_socket(lambda: Exchange(self), made)

    async def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Drain when it is time; end connections whose callers say no more, or do not take their answer."""
        while True:
            await asyncio.sleep(_LOOK_S)
            if self._leaving():
                self.drain()
            if self._is_shut:
                self._is_shut = False
                loop.add_reader(self._socket, self._let_in)
            now = loop.time()
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
