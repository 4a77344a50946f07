"""Daemon threads for sync user code.

Not `concurrent.futures`: its threads are joined when the process ends, so one call that never returns would keep the
process for ever.
"""

from __future__ import annotations

import asyncio
import contextvars
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True, eq=False)
class _Work:
    run: Callable[[], Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    deadline: float | None
    unwanted: Callable[[Any], None] | None
    started: float = 0.0
    context: contextvars.Context = field(default_factory=contextvars.copy_context)


class DaemonThreads:
    """Threads for at most `size` calls at once, not counting those that nobody waits for after their deadline."""

    def __init__(self, size: int, name: str) -> None:
        self._size = size
        self._name = name
        self._queue: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._started = 0
        self._waiting = 0
        """Calls that no thread has taken yet."""
        self._running: set[_Work] = set()

    def running_longer_than(self, seconds: float) -> int:
        """Calls that started more than `seconds` ago and still run, whatever their own deadline was."""
        limit = time.monotonic() - seconds
        with self._lock:
            return sum(1 for w in self._running if w.started < limit)

    def _overdue(self) -> int:
        now = time.monotonic()
        return sum(1 for w in self._running if w.deadline is not None and w.deadline < now)

    async def run(
        self, call: Callable[[], Any], deadline: float | None, unwanted: Callable[[Any], None] | None = None
    ) -> Any:
        """Run `call` in a thread, with the caller's context variables.

        Args:
            call: sync code; must not raise `StopIteration`, which a future refuses.
            deadline: on `time.monotonic()`'s clock. From then on another thread may take the call's place; to wait
                no longer is the caller's own part.
            unwanted: gets the result in the caller's place when that was cancelled meanwhile.
        """
        loop = asyncio.get_running_loop()
        work = _Work(call, loop, loop.create_future(), deadline, unwanted)
        with self._lock:
            self._waiting += 1
            self._queue.put(work)
            self._spawn_if_needed()
        try:
            return await work.future
        except asyncio.CancelledError:
            if work.future.done() and not work.future.cancelled():  # both at once
                _give_up(work, work.future.result() if work.future.exception() is None else None)
            raise

    def close(self) -> None:
        """Let idle threads go; a running call runs to its end."""
        with self._lock:
            for _ in range(self._threads):
                self._queue.put(None)
            self._threads = 0

    def _spawn_if_needed(self) -> None:
        """Called with the lock held. An overdue call has lost its thread, so another takes its place."""
        wanted = min(len(self._running) + self._waiting, self._size + self._overdue())
        if self._threads < wanted:
            self._threads += 1
            self._started += 1
            threading.Thread(target=self._work, name=f"{self._name}-{self._started}", daemon=True).start()

    def _work(self) -> None:
        while self._stays() and (work := self._queue.get()) is not None:
            with self._lock:
                self._waiting -= 1
                work.started = time.monotonic()
                self._running.add(work)
            self._do(work)
            del work  # do not keep a request's values alive while idle

    def _stays(self) -> bool:
        """Whether this thread is still one of the `size`: not when another has stood in for it meanwhile."""
        with self._lock:
            if self._threads <= self._size + self._overdue():
                return True
            self._threads -= 1
            return False

    def _do(self, work: _Work) -> None:
        result, error = None, None
        try:
            if not work.future.cancelled():  # nobody waits for it any more
                result = work.context.run(work.run)
        except BaseException as e:  # noqa: BLE001 - whatever it is, it belongs to the caller
            error = e
        finally:
            with self._lock:
                self._running.discard(work)
        try:
            work.loop.call_soon_threadsafe(_finish, work, result, error)
        except RuntimeError:  # the loop has closed: nobody is left to tell
            return


def _finish(work: _Work, result: Any, error: BaseException | None) -> None:
    if work.future.done():
        _give_up(work, result)
    elif error is None:
        work.future.set_result(result)
    else:
        work.future.set_exception(error)


def _give_up(work: _Work, result: Any) -> None:
    if work.unwanted is not None and result is not None:
        work.unwanted(result)
