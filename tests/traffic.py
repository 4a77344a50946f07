"""Requests to a mesh for as long as something else is done to it."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from running_mesh import MeshProcess

DEADLINE_S = 10


class Traffic:
    """Requests over REST, one after the other in each of some threads, while a block runs."""

    def __init__(self, mesh: MeshProcess, path: str, clients: int, pause_s: float = 0) -> None:
        self._mesh, self._path, self._pause_s = mesh, path, pause_s
        self._end = threading.Event()
        self._pool = ThreadPoolExecutor(clients)
        self._clients = clients
        self.replies: list[tuple[float, int, Any, float]] = []
        """When it started, HTTP status, body, seconds."""

    def __enter__(self) -> Self:
        self._futures = [self._pool.submit(self._send) for _ in range(self._clients)]
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for future in self._futures:
            future.result()

    def _send(self) -> None:
        while not self._end.is_set():
            begin = time.monotonic()
            reply = self._mesh.post(self._path, {"text": "x"}, timeout_s=DEADLINE_S)
            self.replies.append((begin, reply.status, reply.body, time.monotonic() - begin))
            time.sleep(self._pause_s)

    def pids(self, since: float = 0) -> set[int]:
        """Processes that answered requests sent after `since`."""
        # JSON has 64-bit integers as strings.
        return {int(r[2]["result"]) for r in self.replies if r[0] >= since and r[1] == 200}
