"""A deadline for sync code on the main thread, by the process's interval timer.

The error is raised inside the code that took too long, so its traceback shows where the time went.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

_LONGEST_S = 1e8
"""Some years: the timer cannot hold much more than a hundred times that, nor infinity."""


@contextlib.contextmanager
def alarm(seconds: float | None, error: Callable[[], Exception]) -> Iterator[None]:
    """Raise `error()` inside the block when it runs longer than `seconds`.

    Does nothing off the main thread, without a limit, or while a debugger is at work: a person who looks around in
    `pdb` needs the time that it takes.
    """
    if seconds is None or threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    rang = False

    def ring(_signal: int, _frame: FrameType | None) -> None:
        nonlocal rang
        if sys.gettrace() is not None:
            return
        rang = True
        raise error()

    started = time.monotonic()
    before = signal.signal(signal.SIGALRM, ring)
    left, interval = signal.setitimer(signal.ITIMER_REAL, min(max(seconds, 1e-6), _LONGEST_S))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if left:  # somebody else's timer, such as a test's own time limit
            signal.setitimer(signal.ITIMER_REAL, max(left - (time.monotonic() - started), 1e-6), interval)
    if rang:  # the code caught the error and went on
        raise error()
