"""A deadline for sync code on the main thread, by the process's interval timer.

The error is raised inside the code that took too long, so its traceback shows where the time went.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal` wraps these in enums, which takes longer than many a node
import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, TypeAlias

_LONGEST_S = 1e8
"""Some years: the timer cannot hold much more than a hundred times that, nor infinity."""

_SIGNAL: int | None = getattr(_signal, "SIGALRM", None) if hasattr(_signal, "setitimer") else None

_REAL: int = getattr(_signal, "ITIMER_REAL", 0)

Ring: TypeAlias = Callable[[int, FrameType | None], None]
Armed: TypeAlias = tuple[Any, float, float, float]
"""The handler from before; what was left of somebody else's timer (0 for none), its interval, and since when."""


def arm(seconds: float, ring: Ring) -> Armed | None:
    """Have `ring` called on the main thread, inside whatever runs there, in `seconds` seconds.

    Returns:
        What `disarm` takes; None off the main thread or where there is no timer: nobody will ring.
    """
    if _SIGNAL is None:
        return None
    try:
        before = _signal.signal(_SIGNAL, ring)
    except ValueError:  # not on the main thread; to ask first would take longer
        return None
    if not 1e-6 <= seconds <= _LONGEST_S:
        seconds = min(max(seconds, 1e-6), _LONGEST_S)
    left, interval = _signal.setitimer(_REAL, seconds)
    return before, left, interval, time.monotonic() if left else 0.0


def disarm(armed: Armed) -> None:
    """Leave signal and timer as `arm` found them; a timer of somebody else, such as a test's limit, goes on."""
    before, left, interval, since = armed
    _signal.setitimer(_REAL, 0)
    _signal.signal(_SIGNAL, before if before is not None else _signal.SIG_DFL)
    if left:
        _signal.setitimer(_REAL, max(left - (time.monotonic() - since), 1e-6), interval)


@contextlib.contextmanager
def alarm(seconds: float | None, error: Callable[[], Exception]) -> Iterator[None]:
    """Raise `error()` inside the block when it runs longer than `seconds`.

    Does nothing off the main thread, without a limit, or while a debugger is at work: a person who looks around in
    `pdb` needs the time that it takes.
    """
    rang = False

    def ring(_signal: int, _frame: FrameType | None) -> None:
        nonlocal rang
        if sys.gettrace() is not None:
            return
        rang = True
        raise error()

    armed = None if seconds is None else arm(seconds, ring)
    if armed is None:
        yield
        return
    try:
        yield
    finally:
        disarm(armed)
    if rang:  # the code caught the error and went on
        raise error()
