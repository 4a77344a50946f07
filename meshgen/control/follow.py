"""Hands on what is appended to a file, while it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

_POLL_S = 0.2


async def follow(path: Path, show: Callable[[str], None]) -> None:
    """Give `show` the whole lines that are new, for ever; when it is cancelled, those of the last moment too.

    Args:
        path: an existing file.
        show: called with one or more lines, without the last line's end.
    """
    rest = b""
    with path.open("rb") as file:

        def read(rest: bytes) -> bytes:
            lines, end, rest = (rest + file.read()).rpartition(b"\n")
            if end:
                show(lines.decode(errors="replace"))
            return rest

        try:
            while True:
                rest = read(rest)
                await asyncio.sleep(_POLL_S)
        finally:
            read(rest)
