"""However a run ends, it says why, and nothing stays behind."""

from __future__ import annotations

import shutil
import signal
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from running_mesh import until

if TYPE_CHECKING:
    from conftest import MeshStarter
    from running_mesh import MeshProcess

pytestmark = pytest.mark.mesh
TINY = "tests/mesh/graphs/tiny.py"
PART_LIMIT_S = 30
"""For the end after the loss of a part; measured: 4 s, and 10 s when Ray is just about to connect."""


def _takes_kept_logs(mesh: MeshProcess) -> bool:
    """Whether the run has kept Ray's logs; they are removed."""
    _, said, rest = mesh.stderr.partition("Ray's logs are in ")
    if said:
        folder = Path(rest.split()[0])
        assert (folder / "raylet.out").exists()
        shutil.rmtree(folder)
    return bool(said)


def _is_gone(mesh: MeshProcess, limit_s: float) -> None:
    until(lambda: not mesh.leftovers(), limit_s, lambda: f"left: {mesh.leftovers()}")


def _port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_stop_by_sigterm(new_mesh: MeshStarter) -> None:
    mesh = new_mesh(TINY).start()
    port = mesh.port
    begin = time.monotonic()
    assert mesh.stop(signal.SIGTERM) == 0, mesh.output
    assert time.monotonic() - begin < 30
    assert mesh.leftovers() == []
    assert _port_is_free(port)


def test_kill_9_of_the_command(new_mesh: MeshStarter) -> None:
    mesh = new_mesh(TINY).start()
    port = mesh.port
    mesh.send(signal.SIGKILL)
    mesh.wait()
    _is_gone(mesh, 30)
    assert _port_is_free(port)


@pytest.mark.parametrize("part", ["envoy", "ray::ServeController"])
def test_ctrl_c_during_the_start(new_mesh: MeshStarter, part: str) -> None:
    mesh = new_mesh(TINY).launch()
    mesh.identify()
    until(lambda: part in {_name(p) for p in mesh.members()}, 60)
    mesh.send(signal.SIGINT)
    until(lambda: "  stopping\n" in mesh.stderr, 3, lambda: mesh.stderr)
    assert mesh.wait() == 0, mesh.output
    assert mesh.leftovers() == []


def test_two_meshes_that_start_at_once(new_mesh: MeshStarter) -> None:
    both = [new_mesh(TINY).launch() for _ in range(2)]
    for mesh in both:
        until(lambda mesh=mesh: "health " in mesh.stdout or not mesh.alive, 180, lambda mesh=mesh: mesh.output)
        assert mesh.alive, mesh.output
    assert len({mesh.port for mesh in both}) == 2
    for mesh in both:
        assert mesh.post("/tiny", {"text": "x"}).body == {"result": "x"}
        mesh.send(signal.SIGTERM)
    assert [mesh.wait() for mesh in both] == [0, 0]


def test_a_node_that_cannot_start_is_named_with_its_own_error(new_mesh: MeshStarter) -> None:
    mesh = new_mesh("tests/mesh/graphs/broken.py").launch()
    mesh.identify()
    assert mesh.wait(120) == 1, mesh.output
    assert "node 'model' of 'broken' did not start" in mesh.stderr
    assert "FileNotFoundError: no weights at weights/model.bin" in mesh.stderr
    assert "tests/mesh/graphs/broken.py" in mesh.stderr, "the place in the user's file"
    assert "replica.py" not in mesh.stderr, "frames of Serve"
    assert mesh.leftovers() == []


def test_a_busy_port_is_named_before_anything_starts(new_mesh: MeshStarter) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        mesh = new_mesh(TINY, options=("--port", str(port))).launch()
        begin = time.monotonic()
        assert mesh.wait() == 1
        assert time.monotonic() - begin < 10
    assert f"port {port} on 127.0.0.1 is in use" in mesh.stderr
    assert "Traceback" not in mesh.stderr


@pytest.mark.parametrize(
    ("part", "said"), [("envoy", "Envoy ended by signal 9"), ("raylet", "Ray stopped: its raylet, process ")]
)
def test_a_part_that_dies_ends_the_run(new_mesh: MeshStarter, part: str, said: str) -> None:
    mesh = new_mesh(TINY).start()
    [process] = _named(mesh, part)
    process.kill()
    assert mesh.wait(PART_LIMIT_S) == 1, mesh.output
    assert said in mesh.stderr
    assert mesh.leftovers() == []
    assert _takes_kept_logs(mesh) == (part == "raylet")


@pytest.mark.parametrize("after_s", [0, 4])
def test_a_raylet_that_dies_during_the_start_ends_it(new_mesh: MeshStarter, after_s: float) -> None:
    mesh = new_mesh(TINY).launch()
    mesh.identify()
    [raylet] = until(lambda: _named(mesh, "raylet"), 60)
    time.sleep(after_s)
    raylet.kill()
    assert mesh.wait(PART_LIMIT_S) == 1, mesh.output
    # Ray may end the process from C++; the watcher cleans up then.
    _is_gone(mesh, 30)
    _takes_kept_logs(mesh)


def test_replicas_are_forked_from_one_process(mesh: MeshProcess) -> None:
    parents = {p.ppid() for p in mesh.members() if "ServeReplica" in _name(p)}
    [parent] = parents
    assert "fork/server.py" in " ".join(psutil.Process(parent).cmdline())


def _named(mesh: MeshProcess, name: str) -> list[psutil.Process]:
    """The processes of that name, without children of theirs that are about to be something else."""
    found = [p for p in mesh.members() if _name(p) == name]
    return [p for p in found if p.ppid() not in {other.pid for other in found}]


def _name(process: psutil.Process) -> str:
    try:
        # Ray's workers write a title over their command line.
        title = process.cmdline()[0]
        return title if title.startswith("ray::") else process.name()
    except (psutil.Error, IndexError):
        return ""
