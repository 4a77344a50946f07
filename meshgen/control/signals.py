"""Ctrl-C and its kin: the first asks the run to stop, the second ends the process."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def stop_on_signal(stop: asyncio.Event) -> Iterator[Callable[[], None]]:
    """Set `stop` on the first signal. Needs the main thread and a running loop.

    Gives a function that takes the signals back: Ray, when it starts, installs a handler of its own in C++ that prints
    a stack and ends the process.
    """
    loop = asyncio.get_running_loop()

    def received(number: signal.Signals) -> None:
        if stop.is_set():
            # The watcher process cleans up after us.
            os._exit(128 + number)
        stop.set()

    def take() -> None:
        for number in _SIGNALS:
            loop.add_signal_handler(number, received, number)

    take()
    try:
        yield take
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
