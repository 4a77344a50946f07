"""The bound of the folder: who wants a part of it looks at all files under a lock, so that it is never passed.

Nothing is counted that a `kill -9` could leave wrong: sizes are in the names, the kernel takes the lock off the dead.
Names may change and go meanwhile, without the lock: the kernel lists a folder as it is at one moment, as long as one
call takes all of it, for which there are never too many names.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from meshgen.runtime.mesh.bulk import names

FILE = "room"
"""The file with the bound in bytes, which is locked."""

_TRIES, _PAUSE_S = 20, 0.0001
"""A lock is held for some 20 µs. Who waits longer than these takes the other way: its holder may have been stopped."""
_MOST_NAMES = 300
"""The C library asks for 32 KiB of a folder at a time; a name takes 88 bytes at most."""


class BusyError(Exception):
    """The lock is not to be had."""


class Contents(NamedTuple):
    """What is in the folder."""

    names: int
    sizes: dict[int, int]
    """Inode → bytes; a file may have several names."""
    free: list[tuple[int, str, int]]
    """Size, name and inode of the files that are nobody's, small ones first."""


@contextmanager
def locked(folder: int) -> Iterator[int]:
    """Hold the lock of the folder, under which files are made; gives the bound.

    Raises:
        BusyError: others hold it.
        OSError: the folder is gone.
    """
    # Opened anew: a lock belongs to what was opened, and threads must exclude each other, too.
    lock = os.open(FILE, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=folder)
    try:
        _wait_for(lock)
        try:
            yield int(os.read(lock, 32))
        finally:
            # A child that was forked meanwhile has it open as well.
            fcntl.flock(lock, fcntl.LOCK_UN)
    finally:
        os.close(lock)


def bound_of(folder: int) -> int:
    """The bound in bytes. Raises OSError when the folder is gone."""
    file = os.open(FILE, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=folder)
    try:
        return int(os.read(file, 32))
    finally:
        os.close(file)


def _wait_for(lock: int) -> None:
    for _ in range(_TRIES):
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(_PAUSE_S)
    raise BusyError


def contents(folder: int) -> Contents:
    """Look at all files, with the lock."""
    count = 0
    sizes: dict[int, int] = {}
    free: list[tuple[int, str, int]] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name
            count += 1
            if (said := names.read(name.removeprefix(names.FREE))) is not None:
                sizes[entry.inode()] = said.capacity
                if name.startswith(names.FREE):
                    free.append((said.capacity, name, entry.inode()))
    free.sort()
    return Contents(count, sizes, free)


def make_way(folder: int, found: Contents, wanted: int, bound: int, is_unread: Callable[[str], bool]) -> bool:
    """Whether there is room for so many bytes; files that are nobody's go for it, those that fit least first.

    But for those that are still mapped somewhere: their memory would stay when they are gone.
    """
    used, count = sum(found.sizes.values()), found.names
    if count > _MOST_NAMES:
        return False  # there may be more than were listed
    for size, name, inode in found.free:
        if used + wanted <= bound and count < _MOST_NAMES:
            break
        if not is_unread(name):
            continue
        os.unlink(name, dir_fd=folder)
        count -= 1
        used -= size if found.sizes.pop(inode, None) else 0
    return used + wanted <= bound and count < _MOST_NAMES
