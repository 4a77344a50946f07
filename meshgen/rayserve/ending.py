"""The end of a process whose Ray has died.

Paths in comments are relative to `ray`; tests/unit/rayserve fails for each place when Ray changes it.
"""

from __future__ import annotations

import atexit
import os
import sys
from contextlib import suppress


def exit_without_ray() -> None:
    """End this process, once it ends, at once and as a failure: Ray has lost a part, and who asks it may wait for ever.

    At the end Ray would ask (`_private/worker.py:2168`), behind a lock that a call which hangs may hold; without
    that, its threads crash on what C++ has taken down.
    """
    # The last to be registered is the first to run.
    atexit.register(_end)


def _end() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(1)
