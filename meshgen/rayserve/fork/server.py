"""The process that workers are forked from: it has one thread, no connection to Ray, and ends with the raylet."""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

PRELOADED = ("ray._private.workers.default_worker", "ray.serve._private.replica", "meshgen.service")
"""What every worker needs, or nearly. Nothing here may start a thread, or keep a state that must differ by process."""
_LOOK_S = 1.0
_MANY = 4096
_RAYLET = "RAY_RAYLET_PID"


def main(path: Path) -> None:
    """Fork workers until the raylet is gone; in a worker, be that worker."""
    preload()
    if _fork_draws() == _fork_draws():
        sys.exit("forked workers would draw the same ids, so Ray's own way it is")
    # What is shared stays shared: the collector would write into each object.
    gc.collect()
    gc.freeze()
    if request := _next(path):
        _become(request)


def preload() -> None:
    """Import what workers need, without a draw from Ray's generator of ids, which is seeded at its first."""
    actor: Any = importlib.import_module("ray.actor")
    ids = actor.ActorClassID
    # Each `@ray.remote` class has one, drawn when its module is imported (`ray/actor.py:2938`).
    actor.ActorClassID = SimpleNamespace(from_random=lambda: ids(os.urandom(ids.size())))
    try:
        for module in PRELOADED:
            importlib.import_module(module)
    finally:
        actor.ActorClassID = ids


def _fork_draws() -> bytes:
    """What Ray's generator gives first in a forked process."""
    from ray import WorkerID

    reading, writing = os.pipe()
    if (pid := os.fork()) == 0:
        os.write(writing, WorkerID.from_random().binary())
        os._exit(0)
    os.waitpid(pid, 0)
    drawn = os.read(reading, 64)
    os.close(reading)
    os.close(writing)
    return drawn


def _next(path: Path) -> dict[str, Any] | None:
    """In a worker: what was asked for. In the server: None, at its end."""
    from meshgen.rayserve.fork import ends

    ends.begin()
    with socket.socket(socket.AF_UNIX) as listening, _woken_by_ends() as woken:
        # Who finds the socket finds it listening.
        fresh = path.with_suffix(".new")
        listening.bind(str(fresh))
        listening.listen()
        fresh.rename(path)
        while _lives(int(os.environ[_RAYLET])):
            ready = select.select([listening, woken], (), (), _LOOK_S)[0]
            if woken in ready:
                woken.recv(_MANY)
            _bury()
            if listening not in ready:
                continue
            with listening.accept()[0] as connection, suppress(OSError, ValueError):
                if request := _serve(connection):
                    return request
    return None


@contextmanager
def _woken_by_ends() -> Iterator[socket.socket]:
    """A socket that there is something to read from when a child has ended."""
    woken, waking = socket.socketpair()
    with woken, waking:
        waking.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # or nothing wakes
        signal.set_wakeup_fd(waking.fileno(), warn_on_full_buffer=False)
        try:
            yield woken
        finally:
            signal.set_wakeup_fd(-1)


def _bury() -> None:
    """Note how children ended, and let the kernel forget them."""
    from meshgen.rayserve.fork import ends

    with suppress(ChildProcessError):
        while (child := os.waitpid(-1, os.WNOHANG))[0]:
            ends.note(*child)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _serve(connection: socket.socket) -> dict[str, Any] | None:
    from meshgen.rayserve.fork.ask import DONE

    _, files, _, _ = socket.recv_fds(connection, 1, 3)
    try:
        with connection.makefile("rb") as stream:
            request: dict[str, Any] = json.load(stream)
        if os.fork() == 0:
            for number, file in enumerate(files):
                os.dup2(file, number)
            return request
        connection.sendall(DONE)
    finally:
        for file in files:
            os.close(file)
    return None


def _become(request: dict[str, Any]) -> None:
    """What a new process would have inherited from the raylet, and then the worker's own script."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, request["blocked"])
    os.setpgid(0, 0)
    os.environ.clear()
    os.environ.update(request["environ"])
    os.chdir(request["folder"])
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(request["oom_score_adj"], encoding="ascii")
    script = request["arguments"][0]
    sys.argv = request["arguments"]
    sys.path.insert(0, str(Path(script).parent))
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
