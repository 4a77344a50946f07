"""The folder in memory of a run, for big messages between its processes (`meshgen.runtime.mesh.bulk`)."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from meshgen.limits import MEBIBYTE
from meshgen.runtime.mesh.bulk import room
from meshgen.runtime.mesh.bulk.sweep import sweep

_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - the place for it; ours is a private folder there
_PREFIX = "meshgen-"
_PART = 4
"""The part of what is free there that a run may take: the rest is for Ray's object store, and for others."""
_MOST = 2048 * MEBIBYTE
_LEAST = 128 * MEBIBYTE
"""With less, as in a container that nobody gave more (`--shm-size`), everything goes by sockets."""
_PAUSE_S = 1.0


class Memory:
    """The folder of one run. It is this process's as long as it lives: the next run removes it if we cannot."""

    def __init__(self, path: Path, bound: int, lock: int) -> None:
        """Use `make`, which makes one."""
        self.path = path
        self.bound = bound
        """Bytes of all files in it, at most."""
        self._lock = lock

    def close(self) -> None:
        """Leave it to whoever removes it."""
        os.close(self._lock)


def make(run_id: str, base: Path | None = None) -> Memory | None:
    """The folder of a run, after those that dead runs have left have been removed.

    Args:
        run_id: in its name.
        base: where it is made; by default where memory can be shared.

    Returns:
        None where there is no such place, or too little is free in it.
    """
    if base is None and not _SHARED_MEMORY.is_mount():
        return None
    base = base or _SHARED_MEMORY
    remove_dead(base)
    try:
        found = os.statvfs(base)
        bound = min(found.f_bavail * found.f_frsize // _PART, _MOST)
        return _made(base / f"{_PREFIX}{run_id}", bound) if bound >= _LEAST else None
    except OSError:
        return None


def _made(path: Path, bound: int) -> Memory:
    while True:
        path.mkdir(mode=0o700)
        lock = _opened(path)
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Another run that starts may have taken it for a dead one's, before it was locked.
        with suppress(FileNotFoundError):
            if path.stat().st_ino == os.fstat(lock).st_ino:
                (path / room.FILE).write_text(str(bound), encoding="ascii")
                return Memory(path, bound, lock)
        os.close(lock)


def remove_dead(base: Path) -> None:
    """Remove the folders of runs of this user whose command and watcher were killed."""
    for path in base.glob(f"{_PREFIX}*"):
        with _owned(path) as dead:
            if dead:
                shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _owned(path: Path) -> Iterator[bool]:
    """Whether it is a folder of this user's that no run holds; none begins to meanwhile."""
    try:
        lock = _opened(path)
    except OSError:
        yield False
        return
    try:
        mine = os.fstat(lock).st_uid == os.geteuid()
        with suppress(BlockingIOError):
            if mine:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                yield True
                return
        yield False
    finally:
        os.close(lock)


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)


async def keep_swept(path: Path) -> None:
    """Take away what processes that were killed have left there, and give back what is not used, as long as it runs."""
    while True:
        await asyncio.sleep(_PAUSE_S)
        sweep(path)
