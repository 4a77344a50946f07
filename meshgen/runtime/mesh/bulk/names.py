"""Names of files in the folder: whose they are, how much room they take, and whether their owner lives."""

from __future__ import annotations

import itertools
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

FREE = "free-"
"""The beginning of the names of files that are nobody's, to be written anew."""

_NAME = re.compile(r"([0-9a-f]{1,8})-([0-9a-f]{1,16})-[0-9a-f]{1,16}-([0-9a-f]{1,12})")
_ENDED = frozenset("ZXx")
"""States of a process that is dead, and perhaps not waited for."""
_STATE, _START = 0, 19
"""Places in what the kernel says of a process, behind its command."""

_serial = itertools.count()


class Owner(NamedTuple):
    """A process; its start tells it from another that gets its number later."""

    pid: int
    start: int

    def lives(self) -> bool:
        """Whether the process is there."""
        return _start_of(self.pid) == self.start


class Name(NamedTuple):
    """What a name says."""

    owner: Owner
    capacity: int
    """The size of the file."""


def read(name: str) -> Name | None:
    """What a name says; None of what is none, as with a slash or dots in it."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    pid, start, capacity = (int(part, 16) for part in found.groups())
    return Name(Owner(pid, start), capacity)


def fresh(capacity: int) -> str:
    """A name of this process that was never there."""
    pid = os.getpid()
    if _Me.owner.pid != pid:  # it was forked from another
        _Me.owner = Owner(pid, _start_of(pid) or 0)
    return f"{pid:x}-{_Me.owner.start:x}-{next(_serial):x}-{capacity:x}"


class _Me:
    owner = Owner(0, 0)


def _start_of(pid: int) -> int | None:
    """When a process began, in ticks since the machine did; None when it has ended."""
    with suppress(OSError, ValueError, IndexError):
        # The command comes in brackets, and may have any in it.
        said = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        return None if said[_STATE] in _ENDED else int(said[_START])
    return None
