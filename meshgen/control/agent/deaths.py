"""Tells of replicas that ended although nobody had asked them to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from meshgen.rayserve.fork.ends import End, noted

_LOOK_S = 0.25
_KILLED = "; killed from outside, or for want of memory"


async def watch(folder: Path, logs: Path, tell: Callable[[str], None]) -> None:
    """For ever: tell of each end, once.

    Args:
        folder: of ends.
        logs: the folder with what processes wrote last, as far as Ray keeps it.
        tell: called with a line for each.
    """
    told: set[str] = set()
    while True:
        ends = {end.replica: end for end in noted(folder)}
        for replica in sorted(ends.keys() - told, key=lambda each: ends[each].pid):
            if not ends[replica].is_wanted:
                tell(described(ends[replica], logs))
        # Those that are gone do not come back.
        told = set(ends)
        await asyncio.sleep(_LOOK_S)


def described(end: End, logs: Path) -> str:
    """Which replica it was, how it ended, and where it says more."""
    who = f"node '{end.node}' of '{end.graph}'" if end.node else f"driver of '{end.graph}'"
    hint = _KILLED if end.signal == "SIGKILL" else ""
    written = next(logs.glob(f"worker-*-{end.pid}.err"), None)
    place = f"; what it wrote last is in {written}" if written else ""
    return f"{who}: replica {end.replica} (process {end.pid}) ended: {end}{hint}{place}"
