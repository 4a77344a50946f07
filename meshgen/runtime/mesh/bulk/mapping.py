"""A message in memory: the pages of its file, or a copy of its own where too much is mapped already."""

from __future__ import annotations

import fcntl
import mmap
import os
import threading
from weakref import WeakSet

PAGE = mmap.PAGESIZE

_MOST = 256
"""Mappings of a process: each keeps a descriptor, and who gathers arrays may keep any number of them."""

_CHANGING = threading.Lock()
"""Held where `LIVE` is looked through or grows: user code may have an event loop of its own."""
LIVE: WeakSet[Mapping] = WeakSet()
"""The mappings of this process; each lives as long as an array on it."""


class Mapping(mmap.mmap):
    """The pages of a file that nobody writes to while this lives; what is written here stays here.

    As long as it lives it keeps the file open, and so the lock on it that tells others not to write it anew.
    """

    name: str
    """The name that this process has given the file."""
    begin: int
    """Where in it the message begins."""
    __slots__ = ("begin", "name")


def mapped(file: int, name: str, *, writable: bool) -> Mapping:
    """Map a file on which the caller has a lock.

    Raises:
        OSError: it cannot be mapped.
    """
    prot = mmap.PROT_READ | (mmap.PROT_WRITE if writable else 0)
    mapping = Mapping(file, 0, flags=mmap.MAP_PRIVATE, prot=prot)
    mapping.name, mapping.begin = name, 0
    with _CHANGING:
        LIVE.add(mapping)
    return mapping


def has_room(size: int, most: int) -> bool:
    """Whether this process may map so many bytes more, with `most` in all."""
    with _CHANGING:
        return len(LIVE) < _MOST and size + sum(map(len, LIVE)) <= most


def copied(file: int, start: int, end: int) -> memoryview:
    """A part of a file.

    Raises:
        OSError: it cannot be read, or not all of it is there.
    """
    copy = memoryview(bytearray(end - start))
    at = 0
    while at < len(copy):
        count = os.preadv(file, [copy[at:]], start + at)
        if not count:
            raise OSError(f"a message ends after {at} of {len(copy)} bytes")
        at += count
    return copy


def lock_to_read(file: int) -> None:
    """Tell others, as long as this stays open, not to write the file anew. Raises BlockingIOError if one does."""
    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)


def lock_to_write(file: int) -> bool:
    """Whether nobody reads the file; nobody can begin to as long as this stays open."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return os.fstat(file).st_nlink == 1


def unlock(file: int) -> None:
    """Take the lock off, whoever else has the file open."""
    fcntl.flock(file, fcntl.LOCK_UN)
