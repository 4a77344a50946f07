"""Leaves nothing behind: finds a run's processes by the id in their environment and stops them.

The same code runs in two places: at a normal stop inside the command, and in a watcher process that outlives a
`kill -9` of the command and notices it by the end of a pipe. The watcher runs this file as a script, so it imports
nothing of meshgen.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

RUN_ID = "MESHGEN_RUN"
"""Environment variable that every process of a run inherits."""
_GRACE_S = 2.0
_LIMIT_S = 15.0
_LAST_COMMAND_S = 60.0
_FINISHED = b"finished"


def members(run_id: str) -> Iterator[psutil.Process]:
    """This user's processes that carry the run's id; never this process."""
    for process in psutil.process_iter():
        try:
            if process.pid == os.getpid() or process.uids().real != os.getuid():
                continue
            if process.environ().get(RUN_ID) == run_id:
                yield process
        except (psutil.Error, OSError):
            continue  # gone meanwhile, a zombie, or not ours to read


def sweep(run_id: str) -> bool:
    """Stop every process of the run: ask first, then kill. True when none is left."""
    asked = list(members(run_id))
    for process in asked:
        _send(process, kill=False)
    psutil.wait_procs(asked, timeout=_GRACE_S)
    # A dying parent may have started another child between two looks, so look until there is none.
    deadline = time.monotonic() + _LIMIT_S
    while left := list(members(run_id)):
        if time.monotonic() > deadline:
            return False
        for process in left:
            _send(process, kill=True)
        psutil.wait_procs(left, timeout=1.0)
    return True


def _send(process: psutil.Process, *, kill: bool) -> None:
    # psutil compares the start time first, so a reused pid is never hit.
    with suppress(psutil.Error):
        if kill:
            process.kill()
        else:
            process.terminate()


def remove(folder: Path) -> None:
    """Delete a folder of the run; files may still appear in it while the last processes go."""
    for _ in range(20):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)


class Reaper:
    """The watcher process of one run. Lives as long as the run, and does its work when the pipe ends."""

    def __init__(
        self, run_id: str, folder: Path, last_command: Sequence[str] = (), *, memory: Path | None = None
    ) -> None:
        """Start the watcher.

        Args:
            run_id: in the environment of the processes to stop.
            folder: to remove.
            last_command: a command to run besides, but only if this process dies before `finish`.
            memory: the folder of messages, to remove as well; None when there is none.
        """
        self.run_id = run_id
        self.folders = (folder, *((memory,) if memory else ()))
        # Ray, when its own end takes too long, may write a last log into a folder that is gone. Registered before Ray
        # is imported, this runs after Ray's own.
        for each in self.folders:
            atexit.register(remove, each)
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and file
            [sys.executable, "-P", __file__, run_id, str(folder), str(memory or ""), *last_command],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=_without_id(os.environ),
            cwd="/",
            # Out of reach of the terminal's Ctrl-C and hang-up.
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """The process id of the watcher."""
        return self._process.pid

    def finish(self) -> bool:
        """Stop what is left of the run, remove its folders, end the watcher. True when nothing is left."""
        clean = sweep(self.run_id)
        for folder in self.folders:
            remove(folder)
        if self._process.stdin is not None:
            # The watcher may have been killed before us.
            with suppress(BrokenPipeError):
                self._process.stdin.write(_FINISHED)
                self._process.stdin.close()
        try:
            self._process.wait(timeout=_GRACE_S + _LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
        return clean and not any(folder.exists() for folder in self.folders)


def _without_id(environ: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in environ.items() if k != RUN_ID}


def _watch() -> None:
    _, run_id, folder, memory, *last_command = sys.argv
    # Returns at end of file: the other end closed it, or died.
    finished = sys.stdin.buffer.read() == _FINISHED
    sweep(run_id)
    if last_command and not finished:
        with suppress(subprocess.TimeoutExpired):
            subprocess.run(last_command, check=False, timeout=_LAST_COMMAND_S, stdin=subprocess.DEVNULL)  # noqa: S603
    for each in filter(None, (memory, folder)):
        remove(Path(each))


if __name__ == "__main__":
    _watch()
