"""A folder for messages by name, and other processes that use it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from meshgen.limits import MEBIBYTE
from meshgen.runtime.mesh.bulk import names, room
from meshgen.runtime.mesh.bulk.folder import Folder

_SHM = Path("/dev/shm")


@contextmanager
def folder_in_memory(bound: int = 64 * MEBIBYTE) -> Iterator[tuple[Folder, Path]]:
    path = Path(tempfile.mkdtemp(prefix="test-meshgen-", dir=_SHM if _SHM.is_mount() else None))
    (path / room.FILE).write_text(str(bound))
    try:
        yield Folder(path), path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _names(path: Path) -> list[str]:
    return [entry.name for entry in path.iterdir()]


def there(path: Path) -> list[str]:
    """Names of messages; not those of files that wait to be written anew."""
    return sorted(n for n in _names(path) if names.read(n) is not None)


def free(path: Path) -> list[str]:
    return sorted(n for n in _names(path) if n.startswith(names.FREE))


def used(path: Path) -> int:
    """Bytes of all files, counted once each."""
    found: dict[int, int] = {}
    for name in _names(path):
        try:
            stat = (path / name).stat()
        except FileNotFoundError:
            continue
        found[stat.st_ino] = stat.st_size if name != room.FILE else 0
    return sum(found.values())


def process(path: Path, program: str) -> subprocess.Popen[str]:
    """Another process with `folder`, and `say` to tell us something."""
    start = f"""
import os, sys, signal, time
from pathlib import Path
from meshgen.runtime.mesh.bulk.folder import Folder, GoneError
folder = Folder(Path({str(path)!r}))
def say(*words): print(*words, flush=True)
"""
    return subprocess.Popen(
        [sys.executable, "-c", start + program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def heard(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def tell(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()
