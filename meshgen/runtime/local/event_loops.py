"""Event loops for sync code: one for each thread that calls a graph."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Coroutine
from contextvars import copy_context
from typing import Any


class EventLoops:
    """One event loop for all requests of a thread: what async nodes keep (clients, queues, tasks) belongs to it."""

    def __init__(self) -> None:
        self._runners = threading.local()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine to its end on the loop of this thread.

        It runs in the caller's context, or rather a copy: the loop's own would be the one of the thread's first
        request.
        """
        return self._runner().run(work, context=copy_context())

    def close(self) -> None:
        """End what was left running on the loop of this thread."""
        if hasattr(self._runners, "runner"):
            self._runners.runner.close()
            del self._runners.runner

    def _runner(self) -> asyncio.Runner:
        if not hasattr(self._runners, "runner"):
            self._runners.runner = runner = asyncio.Runner()
            # Its loop alone: `Runner.close` would run tasks, and garbage may be collected inside of another loop.
            weakref.finalize(self, runner.get_loop().close)
        return self._runners.runner  # type: ignore[no-any-return]
