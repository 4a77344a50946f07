"""The folder as a process uses it: writes messages, takes those of others, passes them on, and lets them go."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

from meshgen.codec.wireformat import Buffer
from meshgen.runtime.mesh.bulk import mapping, names, room

FOLDER = "MESHGEN_MEMORY"
"""Environment variable: the folder. Where it is not set, everything goes by sockets."""

HEAD = 64
"""The place of a message in its file. Before it there is room for the tag of the field that the message becomes."""
TAIL = 16 * 1024
"""Room behind a message, for small fields beside it. It takes no memory before it is written to."""
_SHARE = 4
"""A process maps at most this part of the bound; of what is more it has copies."""
_GRAIN = 8
"""Sizes are rounded up by this part at most, so that files fit messages of about one size again."""
_LONGEST_SEARCH = 3
_MOST_PARTS = 1024
"""The most that the kernel writes at once."""


class GoneError(Exception):
    """A name stands for no message: it was taken back, its folder is gone, or it never did."""


class Taken(NamedTuple):
    """A message that is this process's."""

    name: str | None
    """Its name now, to be let go; None of a copy."""
    whole: memoryview
    """All of its file, of which the message is a part. It lives as long as an array on it."""


@cache
def configured() -> Folder | None:
    """The folder that `FOLDER` names in this process, if it does."""
    path = os.environ.get(FOLDER)
    return Folder(Path(path)) if path else None


class Folder:
    """Files in memory. Safe to use from several threads; nothing is opened before the first message."""

    def __init__(self, path: Path) -> None:
        """Args: where `control.memory` has made it; it may go at any time."""
        self._path = path
        self._opened: int | None = None
        self._most_mapped = 0

    def write(self, parts: Sequence[Buffer]) -> str | None:
        """Write a message from `HEAD` on; every byte is copied once.

        Returns:
            Its name, which is the caller's; None when there is no room, or no folder.
        """
        capacity = _capacity(sum(map(len, parts)))
        try:
            folder = self._folder()
            with room.locked(folder) as bound:
                name, file = _reserved(folder, capacity, bound)
        except (OSError, room.BusyError):
            return None
        try:
            _fill(file, parts)
        except OSError:
            self._remove(name)
            return None
        except BaseException:
            self._remove(name)
            raise
        finally:
            mapping.unlock(file)  # a process that was forked meanwhile has it open as well
            os.close(file)
        return name

    def take(self, name: str, *, writable: bool = True) -> Taken:
        """Take a message that was sent here; its name as it was sent is gone then.

        Args:
            name: as it came.
            writable: what is written into it stays in this process.

        Raises:
            GoneError: there is none; whoever sent it may send its bytes.
        """
        try:
            with self._opened_to_read(name) as (folder, file, capacity):
                if not mapping.has_room(capacity, self._most_mapped):
                    os.unlink(name, dir_fd=folder)
                    return Taken(None, mapping.copied(file, 0, capacity))
                own = names.fresh(capacity)
                os.rename(name, own, src_dir_fd=folder, dst_dir_fd=folder)
                return self._mapped(own, file, writable=writable)
        except OSError as error:
            raise GoneError(f"{name}: {error.strerror or error}") from None

    def link(self, name: str) -> str | None:
        """One more name for a message, for another process to take; None when it cannot have one."""
        said = names.read(name)
        if said is None:
            return None
        another = names.fresh(said.capacity)
        try:
            folder = self._folder()
            os.link(name, another, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
        except OSError:
            return None
        return another

    def contents(self, name: str, start: int, end: int) -> bytes:
        """A part of a message that this process has a name of. Raises OSError if it has not."""
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._folder())
        try:
            return bytes(mapping.copied(file, start, end))
        finally:
            os.close(file)

    def release(self, name: str) -> None:
        """Let a name go, if it was not taken. What is mapped stays; the file may be written anew when nothing is."""
        with suppress(OSError):
            folder = self._folder()
            # Its last name is ours, so nobody makes another meanwhile.
            if os.stat(name, dir_fd=folder, follow_symlinks=False).st_nlink == 1:
                os.rename(name, names.FREE + name, src_dir_fd=folder, dst_dir_fd=folder)
            else:
                os.unlink(name, dir_fd=folder)

    def _folder(self) -> int:
        if self._opened is None:
            opened = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
            self._most_mapped = room.bound_of(opened) // _SHARE
            # Of two threads that come here at the same time one leaves a descriptor behind.
            self._opened = opened
        return self._opened

    def _remove(self, name: str) -> None:
        with suppress(OSError):
            os.unlink(name, dir_fd=self._folder())

    @contextmanager
    def _opened_to_read(self, name: str) -> Iterator[tuple[int, int, int]]:
        """The folder, the file of a name, with a lock on it, and its size."""
        said = names.read(name)
        if said is None:
            raise GoneError("a name that no message has")
        folder = self._folder()
        # Without waiting: what is no file might let us wait for ever.
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        try:
            found = os.fstat(file)
            if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_size != said.capacity:
                raise GoneError(f"{name} is no message of this run")
            mapping.lock_to_read(file)
            yield folder, file, said.capacity
        finally:
            os.close(file)

    def _mapped(self, own: str, file: int, *, writable: bool) -> Taken:
        try:
            return Taken(own, memoryview(mapping.mapped(file, own, writable=writable)))
        except OSError as error:
            self._remove(own)
            if error.errno != errno.ENOMEM:
                raise
            return Taken(None, mapping.copied(file, 0, os.fstat(file).st_size))


def _reserved(folder: int, capacity: int, bound: int) -> tuple[str, int]:
    """Name and descriptor of a file of at least this size, under the lock. Raises OSError when there is no room."""
    found = room.contents(folder)
    fitting = [entry for entry in found.free if capacity <= entry[0] <= 2 * capacity]
    for size, free, _ in fitting[:_LONGEST_SEARCH]:
        if (file := _unread(folder, free)) is not None:
            name = names.fresh(size)
            os.rename(free, name, src_dir_fd=folder, dst_dir_fd=folder)
            return name, file
    if not room.make_way(folder, found, capacity, bound, partial(_is_unread, folder)):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return _created(folder, capacity)


def _created(folder: int, capacity: int) -> tuple[str, int]:
    name = names.fresh(capacity)
    file = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600, dir_fd=folder)
    try:
        os.ftruncate(file, capacity)
    except OSError:
        os.close(file)
        os.unlink(name, dir_fd=folder)
        raise
    return name, file


def _unread(folder: int, name: str) -> int | None:
    """The descriptor of a file that nobody reads, so that nobody minds what is written into it."""
    file = os.open(name, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=folder)
    if mapping.lock_to_write(file):
        return file
    os.close(file)
    return None


def _is_unread(folder: int, name: str) -> bool:
    file = _unread(folder, name)
    if file is not None:
        os.close(file)
    return file is not None


def _capacity(size: int) -> int:
    """The size of a file for a message: whole pages, and few different ones."""
    least = HEAD + size + TAIL
    grain = max(mapping.PAGE, (1 << least.bit_length()) // (2 * _GRAIN))
    return -(-least // grain) * grain


def _fill(file: int, parts: Sequence[Buffer]) -> None:
    left = [memoryview(part) for part in parts if len(part)]
    at = HEAD
    while left:
        count = os.pwritev(file, left[:_MOST_PARTS], at)
        at += count
        while left and count >= len(left[0]):
            count -= len(left.pop(0))
        if count:
            left[0] = left[0][count:]
