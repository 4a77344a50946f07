"""How replicas ended: whose children they are, the fork server, notes it for callers and for `meshgen run`.

A replica says in a file, by its process id, who it is. When it ends, the fork server makes of that a file by the
replica's id that says also how. Whatever dies in between, the folder goes with the run.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from meshgen.rayserve.fork.ask import FOLDER

_ENDED = ".ended"
_MOST = 64
"""Ends that are kept, the last ones."""
_LOOK_S = 0.02
_noting = False
"""The fork server is this process, or the one that this process was forked from."""
_BY_OTHERS = frozenset({signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP})


@dataclass(frozen=True, slots=True)
class End:
    """The end of a replica's process. As text it says how that was."""

    graph: str
    node: str | None
    """None for the driver."""
    replica: str
    """Its id, by which Serve and its socket are known."""
    pid: int
    is_stopped: bool = False
    """Serve had asked it to end."""
    status: int = 0
    """As the kernel tells it (`os.waitpid`)."""

    @property
    def signal(self) -> str:
        """The signal that ended it, `SIGSEGV`; empty when none did."""
        if not os.WIFSIGNALED(self.status):
            return ""
        number = os.WTERMSIG(self.status)
        try:
            return signal.Signals(number).name
        except ValueError:  # a realtime signal
            return f"SIG{number}"

    @property
    def exit_code(self) -> int | None:
        """The code that it ended with; None when a signal ended it."""
        return None if self.signal else os.WEXITSTATUS(self.status)

    @property
    def is_wanted(self) -> bool:
        """It ended because Serve stopped it. What crashes while it drains was not wanted to."""
        return self.is_stopped and (not self.signal or os.WTERMSIG(self.status) in _BY_OTHERS)

    def __str__(self) -> str:
        if name := self.signal:
            return f"signal {os.WTERMSIG(self.status)}, {name}"
        return f"exit code {self.exit_code}"


def folder_in(workers: Path) -> Path:
    """The folder of ends, in the one that `ask.FOLDER` names."""
    return workers / "ends"


def begin() -> None:
    """Say that this process will note how its children end; they inherit that."""
    global _noting  # noqa: PLW0603
    _noting = True


@contextmanager
def entering(graph: str, node: str | None, replica: str) -> Iterator[None]:
    """Say that this process is a replica, in case it ends; around its constructor, which Serve ends it for if it fails.

    Args:
        graph: whose replica it is.
        node: of the graph; None for the driver.
        replica: its id; empty where there is no Serve.
    """
    # For whom nobody will note the end, nobody would take the file away.
    if _noting and replica and (folder := _folder()) is not None:
        with suppress(OSError):  # a full disk must not keep it from starting
            folder.mkdir(mode=0o700, exist_ok=True)
            _write(_alive(folder, os.getpid()), End(graph, node, replica, os.getpid()))
    try:
        yield
    except BaseException:
        leave()
        raise


def leave() -> None:
    """Say that this process has been asked to end."""
    if (folder := _folder()) is not None and (own := _read(path := _alive(folder, os.getpid()))) is not None:
        with suppress(OSError):  # a full disk must not keep it from draining
            _write(path, dataclasses.replace(own, is_stopped=True))


def note(pid: int, status: int) -> None:
    """Keep how a process ended, if it was a replica. A full disk must not end the fork server.

    Args:
        pid: of the process.
        status: as `os.waitpid` gives it.
    """
    if (folder := _folder()) is None or (who := _read(alive := _alive(folder, pid))) is None:
        return
    with suppress(OSError):
        _write(_ended(folder, who.replica), dataclasses.replace(who, status=status))
        alive.unlink(missing_ok=True)
        for old in sorted(folder.glob(f"*{_ENDED}"), key=lambda path: path.stat().st_mtime_ns)[:-_MOST]:
            old.unlink(missing_ok=True)


def noted(folder: Path) -> Iterator[End]:
    """The ends in a folder, the last ones at most."""
    for path in folder.glob(f"*{_ENDED}"):
        if (end := _read(path)) is not None:
            yield end


async def how_it_ended(replica: str, wait_s: float = 0.3) -> End | None:
    """How a replica ended whose connection has broken.

    Args:
        replica: its id.
        wait_s: for its end, which comes after that of its connections.

    Returns:
        None when it lives, or nobody knows: on a cluster that was joined there is no fork server.
    """
    folder = _folder()
    if folder is None or not replica:
        return None
    path, until = _ended(folder, replica), time.monotonic() + wait_s
    while (end := _read(path)) is None and time.monotonic() < until:  # noqa: ASYNC110 - another process writes it
        await asyncio.sleep(_LOOK_S)
    return end


def _folder() -> Path | None:
    workers = os.environ.get(FOLDER)
    return folder_in(Path(workers)) if workers else None


def _alive(folder: Path, pid: int) -> Path:
    return folder / f"{pid}.alive"


def _ended(folder: Path, replica: str) -> Path:
    return folder / f"{replica}{_ENDED}"


def _read(path: Path) -> End | None:
    try:
        return End(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _write(path: Path, end: End) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(dataclasses.asdict(end)), encoding="utf-8")
    fresh.replace(path)
