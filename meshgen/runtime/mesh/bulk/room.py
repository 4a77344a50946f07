"""The bound of the folder: who wants a part of it looks at all files under a lock, so that it is never passed.

Nothing is counted that a `kill -9` could leave wrong: sizes are in the names, the kernel takes the lock off the dead.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from meshgen.runtime.mesh.bulk import names

FILE = "room"
"""The file with the bound in bytes, which is locked."""

_TRIES, _PAUSE_S = 20, 0.0001
"""A lock is held for some 20 µs. Who waits longer than these takes the other way: its holder may have been stopped."""
_MOST_FILES = 1024
"""More would take more than a millisecond to look at."""


class BusyError(Exception):
    """The lock is not to be had."""


class Contents(NamedTuple):
    """What is in the folder."""

    sizes: dict[int, int]
    """Inode → bytes; a file may have several names."""
    free: list[tuple[int, str, int]]
    """Size, name and inode of the files that are nobody's, small ones first."""


@contextmanager
def locked(folder: int, *, alone: bool) -> Iterator[int]:
    """Hold the lock of the folder, alone or with others that do not count; gives the bound.

    Whatever gets another name meanwhile could be overlooked, so names change under the lock, too.

    Raises:
        BusyError: others hold it.
        OSError: the folder is gone.
    """
    # Opened anew: a lock belongs to what was opened, and threads must exclude each other, too.
    lock = os.open(FILE, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=folder)
    try:
        _wait_for(lock, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        try:
            yield int(os.read(lock, 32)) if alone else 0
        finally:
            # A child that was forked meanwhile has it open as well.
            fcntl.flock(lock, fcntl.LOCK_UN)
    finally:
        os.close(lock)


def _wait_for(lock: int, kind: int) -> None:
    for _ in range(_TRIES):
        with suppress(BlockingIOError):
            fcntl.flock(lock, kind | fcntl.LOCK_NB)
            return
        time.sleep(_PAUSE_S)
    raise BusyError


def contents(folder: int) -> Contents:
    """Look at all files; the lock is held alone."""
    sizes: dict[int, int] = {}
    free: list[tuple[int, str, int]] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name
            if (said := names.read(name.removeprefix(names.FREE))) is not None:
                sizes[entry.inode()] = said.capacity
                if name.startswith(names.FREE):
                    free.append((said.capacity, name, entry.inode()))
    free.sort()
    return Contents(sizes, free)


def make_way(folder: int, found: Contents, wanted: int, bound: int) -> bool:
    """Whether there is room for so many bytes; files that are nobody's go for it, those that fit least first."""
    used, files = sum(found.sizes.values()), len(found.sizes)
    for size, name, inode in found.free:
        if used + wanted <= bound and files < _MOST_FILES:
            break
        os.unlink(name, dir_fd=folder)
        if inode in found.sizes:
            del found.sizes[inode]
            used, files = used - size, files - 1
    return used + wanted <= bound and files < _MOST_FILES
