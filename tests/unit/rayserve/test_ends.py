"""How replicas ended, from a process that forks them as the fork server does to those who ask."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from running_mesh import until

from meshgen.control.agent import deaths
from meshgen.rayserve.fork import ask, ends

pytest.importorskip("ray.serve")

# The fork server without what it imports and without workers; its children are as they are told by the request.
SERVER = """
import os, sys, time
from pathlib import Path
from meshgen.rayserve.fork import ends, server
if request := server._next(Path(sys.argv[1])):
    server.signal.set_wakeup_fd(-1)
    with ends.entering("g", request["node"], request["replica"]):
        Path(request["mark"]).touch()
        exec(request["code"])
"""
WORKER = """
import json, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect(sys.argv[1])
    socket.send_fds(server, [b" "], [0, 1, 2])
    server.sendall(sys.argv[2].encode())
    server.shutdown(socket.SHUT_WR)
    server.recv(9)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(ask.FOLDER, str(tmp_path))
    monkeypatch.setattr(ends, "_noting", True)
    return ends.folder_in(tmp_path)


@pytest.fixture
def server(folder: Path) -> Iterator[Path]:
    """The fork server's socket."""
    path = folder.parent / ask.SOCKET
    environ = {**os.environ, "RAY_RAYLET_PID": str(os.getpid())}
    with subprocess.Popen([sys.executable, "-c", SERVER, str(path)], env=environ) as process:
        until(path.exists, 60)
        yield path
        process.kill()


def fork(server: Path, replica: str, code: str) -> None:
    """Make a replica that does something, and wait until it begins with it."""
    mark = server.with_name(replica)
    request = json.dumps({"node": "leaf", "replica": replica, "mark": str(mark), "code": code})
    subprocess.run([sys.executable, "-c", WORKER, str(server), request], check=True, timeout=60)
    until(mark.exists, 30)


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


@pytest.mark.parametrize(
    ("code", "how"),
    [
        ("import ctypes; ctypes.string_at(0)", "signal 11, SIGSEGV"),
        ("os.abort()", "signal 6, SIGABRT"),
        ("os._exit(3)", "exit code 3"),
        ("os._exit(0)", "exit code 0"),
        ("os.kill(os.getpid(), 9)", "signal 9, SIGKILL"),
        ("os.kill(os.getpid(), 35)", "signal 35, SIG35"),
    ],
)
async def test_who_asks_is_told_how_a_replica_ended(server: Path, code: str, how: str) -> None:
    fork(server, "one", code)
    end = await ends.how_it_ended("one", wait_s=10)
    assert end is not None
    assert (end.graph, end.node, str(end), end.is_wanted) == ("g", "leaf", how, False)


async def test_nobody_is_told_of_one_that_lives(server: Path, folder: Path) -> None:
    fork(server, "one", "time.sleep(60)")
    assert await ends.how_it_ended("one", wait_s=0.1) is None
    assert await ends.how_it_ended("", wait_s=60) is None
    [alive] = _names(folder)
    os.kill(int(alive.partition(".")[0]), signal.SIGTERM)
    assert str(await ends.how_it_ended("one", wait_s=10)) == "signal 15, SIGTERM"
    assert _names(folder) == ["one.ended"]


async def test_an_end_that_serve_asked_for_is_wanted_unless_it_is_a_crash(server: Path) -> None:
    for number, (code, wanted) in enumerate(
        [("os._exit(0)", True), ("os.kill(os.getpid(), 9)", True), ("os.abort()", False)]
    ):
        fork(server, f"r{number}", f"ends.leave(); {code}")
        end = await ends.how_it_ended(f"r{number}", wait_s=10)
        assert end is not None
        assert end.is_wanted == wanted, code


async def test_a_constructor_that_raises_ends_its_replica_on_purpose(server: Path) -> None:
    fork(server, "one", "raise ValueError(5)")
    end = await ends.how_it_ended("one", wait_s=10)
    assert end is not None
    assert (end.is_wanted, str(end)) == (True, "exit code 1")


async def test_without_a_fork_server_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ask.FOLDER, raising=False)
    async with asyncio.timeout(1):
        assert await ends.how_it_ended("one", wait_s=60) is None


def test_a_replica_that_the_fork_server_has_not_made_leaves_no_file(tmp_path: Path) -> None:
    code = "from meshgen.rayserve.fork import ends\nwith ends.entering('g', 'leaf', 'one'): ends.leave()"
    environ = {**os.environ, ask.FOLDER: str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], env=environ, check=True, timeout=60)
    assert _names(tmp_path) == []


def test_the_last_ends_are_kept(folder: Path) -> None:
    with ends.entering("g", None, "none"):
        alive = (folder / f"{os.getpid()}.alive").read_text()
    for number in range(100):
        (folder / "7.alive").write_text(alive.replace("none", f"r{number}"))
        ends.note(7, 9)
    ends.note(8, 9)  # no replica
    (folder / "9.alive").write_text("{")
    ends.note(9, 9)
    kept = {end.replica for end in ends.noted(folder)}
    assert (len(kept), "r99" in kept, "r0" in kept) == (64, True, False)


async def test_a_run_tells_of_each_end_once(folder: Path, tmp_path: Path) -> None:
    told: list[str] = []
    watching = asyncio.create_task(deaths.watch(folder, tmp_path, told.append))
    await asyncio.sleep(0.05)
    (tmp_path / f"worker-ab-{os.getpid()}.err").touch()
    for replica, node, status in (("a", "leaf", 11), ("b", None, 9)):
        with ends.entering("g", node, replica):
            ends.note(os.getpid(), status)
    with ends.entering("g", None, "stopped"):
        ends.leave()
        ends.note(os.getpid(), 9)
    await asyncio.sleep(0.7)
    watching.cancel()
    pid, where = os.getpid(), f"what it wrote last is in {tmp_path}/worker-ab-{os.getpid()}.err"
    why = "signal 9, SIGKILL; killed from outside, or for want of memory"
    assert sorted(told) == [
        f"driver of 'g': replica b (process {pid}) ended: {why}; {where}",
        f"node 'leaf' of 'g': replica a (process {pid}) ended: signal 11, SIGSEGV; {where}",
    ]
