"""One thread for everything of Ray that blocks, alive as long as the run."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class WorkerThread:
    """Runs functions one after the other, away from the event loop.

    Ray's processes are told by the kernel to die with the *thread* that started them, so a pool's thread, which may
    end at any time, will not do. It is a daemon, so that a call which hangs does not hold up the end of the command.
    """

    def __init__(self, name: str) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    async def call(self, function: Callable[..., T], *args: Any) -> T:
        """What `function(*args)` returns or raises. Cancelling stops the waiting, not the function.

        What is called next waits for its end.
        """
        return await self._submit(function, *args)

    def _submit(self, function: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def job() -> None:
            try:
                result = function(*args)
            except BaseException as error:  # noqa: BLE001 - handed to the caller
                self._tell(future, None, error)
            else:
                self._tell(future, result, None)

        self._jobs.put(job)
        return future

    @staticmethod
    def _tell(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
        loop = future.get_loop()

        def settle() -> None:
            if future.done():
                return
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

        if not loop.is_closed():
            loop.call_soon_threadsafe(settle)

    def _run(self) -> None:
        while True:
            self._jobs.get()()
