"""The names of messages that a request has taken: they are its own until it is over."""

from __future__ import annotations

from contextlib import suppress
from contextvars import ContextVar
from types import TracebackType
from typing import Self

from meshgen.runtime.mesh.bulk.folder import Folder


class Held:
    """Names to let go at the end of a request. From several threads: what is big is written beside the event loop."""

    __slots__ = ("_names", "_over", "by_name")

    def __init__(self, *, by_name: bool = False) -> None:
        """Args: whether the answer may go by name."""
        self.by_name = by_name
        self._names: list[tuple[Folder, str]] = []
        self._over = False

    def add(self, folder: Folder, name: str) -> None:
        """Keep a name until the request is over; one that comes later, for whoever outlives the request, goes now."""
        self._names.append((folder, name))
        if self._over:
            self.release()

    def pass_on(self, folder: Folder, name: str) -> None:
        """Keep a name no longer, which is somebody else's to let go."""
        with suppress(ValueError):
            self._names.remove((folder, name))

    def release(self) -> None:
        """Let all go. What is mapped stays as long as an array on it."""
        self._over = True
        with suppress(IndexError):
            while self._names:
                folder, name = self._names.pop()
                folder.release(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.release()


HELD: ContextVar[Held | None] = ContextVar("meshgen_held", default=None)
"""What the request under way has taken; None outside of one, where names go as soon as they are taken."""


def keep(folder: Folder, name: str) -> None:
    """Keep a name for the request under way."""
    held = HELD.get()
    if held is None:
        folder.release(name)
    else:
        held.add(folder, name)
