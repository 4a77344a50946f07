"""How long the sync calls of one request took: what decides whether a route is worth threads."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_NOTED: ContextVar[list[float] | None] = ContextVar("meshgen_noted", default=None)


@contextmanager
def noting() -> Iterator[list[float]]:
    """Collect the seconds of each sync call that runs inside, in this context or one copied from it."""
    spent: list[float] = []
    token = _NOTED.set(spent)
    try:
        yield spent
    finally:
        _NOTED.reset(token)


class Noted:
    """Around a sync call: notes how long it took, where somebody collects that."""

    __slots__ = ("_since", "_spent")

    def __enter__(self) -> None:
        """Start."""
        self._spent = _NOTED.get()
        self._since = time.monotonic()

    def __exit__(self, *_: object) -> None:
        """Note it."""
        if self._spent is not None:
            self._spent.append(time.monotonic() - self._since)
