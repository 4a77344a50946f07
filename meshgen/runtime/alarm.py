"""A deadline for sync code on the main thread, by the process's interval timer.

The error is raised inside the code that took too long, so its traceback shows where the time went.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType


@contextlib.contextmanager
def alarm(seconds: float | None, error: Callable[[], Exception]) -> Iterator[None]:
    """Raise `error()` inside the block when it runs longer than `seconds`.

    Does nothing off the main thread, without a limit, or while a debugger is at work: a person who looks around in
    `pdb` needs the time that it takes.
    """
    if seconds is None or threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    def ring(_signal: int, _frame: FrameType | None) -> None:
        if sys.gettrace() is not None:
            return
        raise error()

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-6))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
