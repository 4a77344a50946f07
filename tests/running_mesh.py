"""`meshgen run` as a process of its own, for tests; and what it leaves behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil

ROOT = Path(__file__).parents[1]
RUN_ID = "MESHGEN_RUN"
START_LIMIT_S = 180.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer."""

    status: int
    body: Any
    headers: Mapping[str, str]


class MeshProcess:
    """One `meshgen run`. Its output goes to files; `start` waits until it is ready or gone."""

    def __init__(
        self, graphs: Sequence[str], folder: Path, *, env: Mapping[str, str] | None = None, options: Sequence[str] = ()
    ) -> None:
        self.graphs = graphs
        self.options = options or ("--port", "0")
        self._out = folder / "stdout.txt"
        self._err = folder / "stderr.txt"
        self._env = {**os.environ, **(env or {})}
        self.process: subprocess.Popen[bytes] | None = None
        self.run_id = ""
        self.run_dir: Path | None = None

    def launch(self) -> MeshProcess:
        """Start it, and wait for nothing."""
        command = [sys.executable, "-m", "meshgen", "run", *self.graphs, *self.options]
        with self._out.open("wb") as out, self._err.open("wb") as err:
            # Its own process group, as a shell gives it, so that tests can send it a Ctrl-C.
            self.process = subprocess.Popen(
                command, cwd=ROOT, stdout=out, stderr=err, env=self._env, start_new_session=True
            )
        return self

    def start(self) -> MeshProcess:
        """Start it, and wait until it says that it is ready."""
        self.launch()
        until(lambda: "health " in self.stdout or not self.alive, START_LIMIT_S, lambda: f"not ready:\n{self.output}")
        assert self.alive, f"it ended:\n{self.output}"
        self.identify()
        return self

    def identify(self) -> str:
        """Find the run's id in the environment of its children."""
        self.run_id = until(self._find_run_id, 30, lambda: f"no process with a run id:\n{self.output}")
        return self.run_id

    def _find_run_id(self) -> str:
        assert self.process is not None
        for child in psutil.Process(self.process.pid).children(recursive=True):
            try:
                environ = child.environ()
                if run_id := environ.get(RUN_ID):
                    # The generated tree comes first, and lies in the run's folder.
                    self.run_dir = Path(environ["PYTHONPATH"].split(os.pathsep)[0]).parent
                    return run_id
            except psutil.Error:
                continue
        return ""

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def stdout(self) -> str:
        return self._out.read_text() if self._out.exists() else ""

    @property
    def stderr(self) -> str:
        return self._err.read_text() if self._err.exists() else ""

    @property
    def output(self) -> str:
        return f"{self.stdout}\n{self.stderr}"

    @property
    def address(self) -> str:
        """host:port of the front."""
        found = re.search(r"health +http://(\S+)/healthz", self.stdout)
        assert found, self.output
        return found[1]

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def get(self, path: str, timeout_s: float = 10) -> Reply:
        return _http(urllib.request.Request(f"http://{self.address}{path}"), timeout_s)

    def post(self, path: str, value: Any, *, headers: Mapping[str, str] | None = None, timeout_s: float = 60) -> Reply:
        """POST JSON (or bytes, as they are)."""
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        sent = {"content-type": "application/json", **(headers or {})}
        return _http(urllib.request.Request(f"http://{self.address}{path}", data=data, headers=sent), timeout_s)

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def wait(self, timeout_s: float = 60) -> int:
        """Wait for its end; its exit code."""
        assert self.process is not None
        return self.process.wait(timeout_s)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end, and wait; its exit code."""
        self.send(number)
        return self.wait()

    def close(self) -> None:
        """End it whatever it does; for the end of a test that failed half-way."""
        if self.alive:
            self.send(signal.SIGTERM)
            try:
                self.wait(40)
            except subprocess.TimeoutExpired:
                self.send(signal.SIGKILL)
                self.wait()

    def members(self) -> list[psutil.Process]:
        """Processes of the run that live."""
        return [p for p in psutil.process_iter() if _carries(p, self.run_id)]

    def leftovers(self) -> list[str]:
        """What a run must not leave behind: processes, its folder, its port."""
        left = [f"process {pid} {name}" for pid, name in map(_described, self.members())]
        assert self.run_dir is not None
        left += [f"folder {self.run_dir}"] if self.run_dir.exists() else []
        return left


def until(condition: Callable[[], T], timeout_s: float, message: Callable[[], str] = lambda: "timed out") -> T:
    """Wait for something true, and give it back."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline, message()
        time.sleep(0.1)
    return value


def _carries(process: psutil.Process, run_id: str) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE and process.environ().get(RUN_ID) == run_id
    except psutil.Error:
        return False


def _described(process: psutil.Process) -> tuple[int, str]:
    try:
        return process.pid, " ".join(process.cmdline())[:80]
    except psutil.Error:
        return process.pid, "(just gone)"


def _http(request: urllib.request.Request, timeout_s: float) -> Reply:
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:
            return Reply(answer.status, _decoded(answer.read()), dict(answer.headers))
    except urllib.error.HTTPError as error:
        return Reply(error.code, _decoded(error.read()), dict(error.headers))


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body, parse_int=lambda digits: -0.0 if digits == "-0" else int(digits))
    except ValueError:
        return body.decode(errors="replace")
