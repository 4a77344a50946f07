"""Takes away what the dead have left in the folder, and what nobody has written anew for a while."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

from meshgen.runtime.mesh.bulk import names

GRACE_S = 5.0
"""Seconds after the last change of a name: who was sent it takes it meanwhile, though its sender is dead."""


def sweep(folder: Path, *, grace_s: float = GRACE_S) -> None:
    """Remove names of processes that have ended, and files that are nobody's; nothing when the folder is gone.

    Args:
        folder: of messages.
        grace_s: seconds for which they stay.
    """
    with suppress(OSError):
        for path in _left(folder, grace_s):
            with suppress(FileNotFoundError):
                os.unlink(path)  # noqa: PTH108 - as all of these names are


def _left(folder: Path, grace_s: float) -> list[str]:
    """What to remove. All is looked at before: a file with several names changes when one of them goes."""
    found: list[str] = []
    owners: dict[names.Owner, bool] = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            free = entry.name.startswith(names.FREE)
            said = names.read(entry.name.removeprefix(names.FREE))
            if said is None or (not free and _lives(said.owner, owners)):
                continue
            # It may have gone or got another name meanwhile.
            with suppress(FileNotFoundError):
                if time.time() - entry.stat(follow_symlinks=False).st_ctime >= grace_s:
                    found.append(entry.path)
    return found


def _lives(owner: names.Owner, known: dict[names.Owner, bool]) -> bool:
    if owner not in known:
        known[owner] = owner.lives()
    return known[owner]
