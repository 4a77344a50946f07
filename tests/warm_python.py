"""A Python that has imported meshgen, and forks for each program: importing is most of what a short command takes.

What runs is a process of its own all the same, with its own folder, streams and exit code. That each command imports
what it needs is for tests that start Python itself.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[1]
IMPORTED = (
    "meshgen.cli.compiling",
    "meshgen.cli.drawing",
    "meshgen.cli.local",
    "meshgen.runtime.local.through_codec",
    "pydantic",
    "yaml",
)
"""Modules that are there when a program begins; none of them starts a thread."""
LONGEST_MESSAGE = 1 << 17


def run(*arguments: str, cwd: Path, stdin: str = "", timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
    """What `python *arguments` does in this folder; the first argument is `-m` or `-c`.

    Raises:
        TimeoutExpired: it takes longer; it is killed.
    """
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(stdin.encode())
        given.seek(0)
        message = json.dumps([str(cwd), *arguments]).encode()
        channel = _started()
        socket.send_fds(channel, [message], [stream.fileno() for stream in (given, out, err)])
        pid = int(channel.recv(LONGEST_MESSAGE))
        channel.settimeout(timeout_s)
        try:
            code = int(channel.recv(LONGEST_MESSAGE))
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            channel.settimeout(None)
            channel.recv(LONGEST_MESSAGE)
            raise subprocess.TimeoutExpired(arguments, timeout_s) from None
        channel.settimeout(None)
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(arguments, code, _text(out.read()), _text(err.read()))


def _text(data: bytes) -> str:
    return data.decode().replace("\r\n", "\n")


@cache
def _started() -> socket.socket:
    """The channel to the one of this process. It ends when the channel does, which is at this process's end at last."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, __file__, str(theirs.fileno())]
    env = {**os.environ, "PYTHONPATH": str(PROJECT)}
    process = subprocess.Popen(command, cwd=PROJECT, env=env, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])
    theirs.close()
    atexit.register(_end, process, ours)
    return ours


def _end(process: subprocess.Popen[bytes], channel: socket.socket) -> None:
    channel.close()
    process.wait()


# --- the other side --------------------------------------------------------------------------------------------------


def main(channel: socket.socket) -> None:
    """Fork for one program after the other until nobody asks; in the child, run the program."""
    for name in IMPORTED:
        importlib.import_module(name)
    gc.freeze()
    while True:
        message, streams, *_ = socket.recv_fds(channel, LONGEST_MESSAGE, 3)
        if not message:
            return
        pid = os.fork()
        if pid == 0:
            channel.close()
            folder, *arguments = json.loads(message)
            _settle(Path(folder), streams)
            _execute(*arguments)
            return
        for stream in streams:
            os.close(stream)
        channel.send(str(pid).encode())
        _, status = os.waitpid(pid, 0)
        channel.send(str(os.waitstatus_to_exitcode(status)).encode())


def _settle(folder: Path, streams: list[int]) -> None:
    """Make this process one that was started in that folder with those streams."""
    os.chdir(folder)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.path[0] = str(folder)


def _execute(kind: str, program: str, *arguments: str) -> None:
    sys.argv = [kind, *arguments]
    if kind == "-m":
        runpy.run_module(program, run_name="__main__", alter_sys=True)
    else:
        namespace: dict[str, Any] = {"__name__": "__main__"}
        exec(program, namespace)


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
