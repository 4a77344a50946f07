"""Values that the fast codec fails at and the general one does not.

Nothing but time is lost by one, so it would never be noticed: each is counted, and the first of its kind is logged.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter

_LOGGER = logging.getLogger("meshgen.codec")
_LOCK = threading.Lock()
_FAULTS: Counter[tuple[str, str]] = Counter()


def note(message: str, error: Exception) -> None:
    """Count a fault: the fast codec of a message raised an error over a value that is right."""
    kind = (message, type(error).__name__)
    with _LOCK:
        _FAULTS[kind] += 1
        first = _FAULTS[kind] == 1
    if first:
        text = "The fast codec of %s fails with %s, so that it takes longer; this is a bug in meshgen, please report it"
        _LOGGER.warning(text, *kind, exc_info=error)


def noted() -> Counter[tuple[str, str]]:
    """How many faults there were, by full name of the message and name of the error's class."""
    with _LOCK:
        return Counter(_FAULTS)
