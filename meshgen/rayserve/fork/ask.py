"""What the raylet runs for each worker, in place of Ray's `setup_worker.py`: has the fork server make it.

A worker that wants something of its own (a `runtime_env`), and every worker when there is no fork server, is started by
Ray's script, as if this one were not there. It runs as a script and imports little, as it runs once per worker.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

FOLDER = "MESHGEN_WORKERS"
"""Environment variable: where the fork server's socket lies."""
SOCKET = "fork.sock"
DONE = b"forked"
_SERVER_LIMIT_S = 60.0
_POLL_S = 0.02
_TITLE = "-" * 512
"""A worker's title has the room of its command line, which is the fork server's."""
_CONTEXT = "--serialized-runtime-env-context="
_OURS = (_CONTEXT, "--language=")
"""Arguments that are for `setup_worker.py` and not for the worker."""


def main(arguments: list[str]) -> None:
    """Have the worker made, one way or the other."""
    folder = os.environ.get(FOLDER)
    if folder and _is_plain(arguments):
        try:
            _ask(Path(folder), [a for a in arguments if not a.startswith(_OURS)])
        except OSError:
            pass
        else:
            return
    rays = str(Path(_worker(arguments)).with_name("setup_worker.py"))
    os.execv(sys.executable, [sys.executable, rays, *arguments])  # noqa: S606 - as Ray would have it


def _worker(arguments: list[str]) -> str:
    # Flags of the interpreter may come before it.
    return next(a for a in arguments if not a.startswith("-"))


def _is_plain(arguments: list[str]) -> bool:
    """Whether the worker is like all others: a Python worker in the raylet's own environment."""
    texts = [a.removeprefix(_CONTEXT) for a in arguments if a.startswith(_CONTEXT)]
    context = json.loads(texts[0]) if texts and texts[0] else {}
    python = context.pop("py_executable", None) in {None, sys.executable}
    return python and not any(context.values()) and "--language=PYTHON" in arguments and arguments[0][:1] != "-"


def _ask(folder: Path, arguments: list[str]) -> None:
    request = {
        "arguments": arguments,
        "environ": dict(os.environ),
        "folder": str(Path.cwd()),
        "blocked": [int(s) for s in signal.pthread_sigmask(signal.SIG_BLOCK, ())],
        "oom_score_adj": Path("/proc/self/oom_score_adj").read_text(encoding="ascii"),
    }
    with _connection(folder / SOCKET) as server:
        socket.send_fds(server, [b" "], [0, 1, 2])
        server.sendall(json.dumps(request).encode())
        server.shutdown(socket.SHUT_WR)
        if server.recv(len(DONE)) != DONE:
            raise ConnectionError


def _connection(path: Path) -> socket.socket:
    with (path.with_suffix(".lock")).open("w") as lock:
        # The first one starts the server: only the raylet's children have its whole environment.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (server := _connected(path)) is not None:
            return server
        path.unlink(missing_ok=True)
        process = _start_server(path)
        deadline = time.monotonic() + _SERVER_LIMIT_S
        while process.poll() is None and time.monotonic() < deadline:
            if (server := _connected(path)) is not None:
                return server
            time.sleep(_POLL_S)
        process.kill()
        raise TimeoutError


def _connected(path: Path) -> socket.socket | None:
    server = socket.socket(socket.AF_UNIX)
    try:
        server.connect(str(path))
    except OSError:
        server.close()
        return None
    return server


def _start_server(path: Path) -> subprocess.Popen[bytes]:
    script = str(Path(__file__).with_name("server.py"))
    log = path.with_suffix(".log").open("ab")
    command = [sys.executable, "-P", script, str(path), _TITLE]
    return subprocess.Popen(  # noqa: S603 - our own interpreter and file
        command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
    )


if __name__ == "__main__":
    main(sys.argv[1:])
