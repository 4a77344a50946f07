"""The processes of a contestant: started with a mark in their environment, by which all of them are found and ended."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import psutil

MARK = "MESHGEN_BENCHMARK"
ROOT = Path(__file__).parents[1]
_MEGABYTE = 1024 * 1024
_SAMPLE_S = 0.1
_LINE_LIMIT_S = 300.0
"""For whatever is asked of a process; one that takes longer hangs, and is killed."""
_PR_SET_PDEATHSIG = 1


class ContestantError(Exception):
    """A contestant did not start, or broke; the text has the end of its log."""


class Process:
    """A process that takes lines of JSON and gives lines of JSON, or plain text."""

    def __init__(self, command: Sequence[str], *, env: Mapping[str, str], log: Path, cwd: Path = ROOT) -> None:
        self._log = log
        libc = ctypes.CDLL(None)
        environ = {**os.environ, **env}
        # Start-up would double without cached bytecode, for some contestants more than for others.
        environ.pop("PYTHONDONTWRITEBYTECODE", None)
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                command,
                cwd=cwd,
                env=environ,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                # The terminal's Ctrl-C is for the harness; when that dies, the kernel tells us.
                start_new_session=True,
                preexec_fn=lambda: libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM),  # noqa: PLW1509 - no threads yet
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def line(self) -> str:
        """The next line of its stdout. Raises ContestantError when there is none any more, or none in time."""
        hangs = threading.Timer(_LINE_LIMIT_S, self._process.kill)
        hangs.start()
        try:
            text = _stream(self._process.stdout).readline()
        finally:
            hangs.cancel()
        if not text:
            raise ContestantError(f"it ended (exit code {self._process.wait()}):\n{self.tail()}")
        return str(text)

    def ask(self, command: Mapping[str, Any]) -> dict[str, Any]:
        """Send a command, wait for the answer."""
        stdin = _stream(self._process.stdin)
        try:
            stdin.write(json.dumps(command) + "\n")
            stdin.flush()
        except BrokenPipeError:
            raise ContestantError(f"it ended (exit code {self._process.wait()}):\n{self.tail()}") from None
        return self.answer()

    def answer(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.line())
        return found

    def stop(self, number: signal.Signals | None, limit_s: float = 60.0) -> None:
        """Ask it to end, by a signal or by the end of its stdin; kill it when it does not."""
        with suppress(OSError):
            if number is not None:
                self._process.send_signal(number)
            _stream(self._process.stdin).close()
        try:
            self._process.wait(limit_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        _stream(self._process.stdout).close()

    def tail(self, lines: int = 20) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-lines:])


def _stream(stream: IO[Any] | None) -> IO[Any]:
    assert stream is not None
    return stream


def members(mark: str) -> list[psutil.Process]:
    """Every live process of this user that carries the mark."""
    return [p for p in psutil.process_iter() if _carries(p, mark)]


def _carries(process: psutil.Process, mark: str) -> bool:
    with suppress(psutil.Error, OSError):
        if process.uids().real == os.getuid() and process.environ().get(MARK) == mark:
            return bool(process.status() != psutil.STATUS_ZOMBIE)
    return False


def sweep(mark: str, limit_s: float = 10.0) -> int:
    """End what is left, asking first; returns how many were left."""
    left = found = members(mark)
    begin = time.monotonic()
    while left:
        for process in left:
            with suppress(psutil.Error):
                process.terminate() if time.monotonic() - begin < limit_s / 2 else process.kill()
        psutil.wait_procs(left, timeout=1.0)
        if time.monotonic() - begin > limit_s:
            raise ContestantError(f"processes that do not end: {[p.pid for p in members(mark)]}")
        left = members(mark)
    return len(found)


class Meter:
    """CPU seconds and peak memory of a contestant's processes over one window."""

    def __init__(self, mark: str) -> None:
        self._mark = mark
        # Looking for them takes a while, so it is done before the window and after it.
        self._known = {p.pid: p for p in members(mark)}
        self._over = threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)
        self.cpu_seconds = 0.0
        self.peak_rss_mb = 0.0

    def __enter__(self) -> Self:
        self._before = _cpu(self._known.values())
        self._sampler.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        after = _cpu(self._known.values())
        self._over.set()
        self._sampler.join()
        # Whoever came within the window has used nothing before it.
        after |= _cpu(p for p in members(self._mark) if p.pid not in self._known)
        self.cpu_seconds = sum(used - self._before.get(pid, 0.0) for pid, used in after.items())

    def _sample(self) -> None:
        while True:
            self.peak_rss_mb = max(self.peak_rss_mb, sum(_rss(self._known.values())) / _MEGABYTE)
            if self._over.wait(_SAMPLE_S):
                return


def _cpu(processes: Iterator[psutil.Process] | Any) -> dict[int, float]:
    used: dict[int, float] = {}
    for process in processes:
        with suppress(psutil.Error):
            times = process.cpu_times()
            used[process.pid] = times.user + times.system
    return used


def _rss(processes: Any) -> Iterator[int]:
    for process in processes:
        with suppress(psutil.Error):
            yield process.memory_info().rss


def until(condition: Callable[[], bool], limit_s: float, what: str) -> None:
    """Wait for something. Raises ContestantError after the limit."""
    deadline = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline:
            raise ContestantError(f"not within {limit_s:g} s: {what}")
        time.sleep(0.05)
