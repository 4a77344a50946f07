"""Workers forked from one process: each as if it had been started by itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest
from running_mesh import until

from meshgen.rayserve.fork import ask

pytest.importorskip("ray.serve")

RECORD = """
import json, os, signal, sys
from pathlib import Path
mark = sys.argv[-1]
record = {
    "arguments": sys.argv, "mark": os.environ.get("MARK"), "folder": os.getcwd(), "parent": os.getppid(),
    "group": os.getpgid(0) == os.getpid(), "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
    "children": signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL, "main": __name__, "ray": "ray.serve" in sys.modules,
}
print("printed", mark, flush=True)
path = Path(__file__).with_name(mark)
path.with_suffix(".new").write_text(json.dumps(record))
path.with_suffix(".new").rename(path)
"""
CONTEXT = "--serialized-runtime-env-context="
PLAIN = f"{CONTEXT}{json.dumps({'command_prefix': [], 'env_vars': {}, 'py_executable': sys.executable})}"


@pytest.fixture
def raylet() -> Iterator[subprocess.Popen[bytes]]:
    """Stands for it."""
    with subprocess.Popen(["sleep", "300"]) as process:
        yield process
        process.kill()


def _start(folder: Path, raylet: int, mark: str, *arguments: str, environ: Mapping[str, str] | None = None) -> Any:
    """What a worker that is made by `ask.py` finds."""
    environ = environ if environ is not None else {ask.FOLDER: str(folder)}
    for script in ("default_worker.py", "setup_worker.py"):
        (folder / script).write_text(RECORD)
    command = [sys.executable, ask.__file__, str(folder / "default_worker.py"), "--language=PYTHON", *arguments, mark]
    subprocess.run(
        command,
        env={**os.environ, "RAY_RAYLET_PID": str(raylet), "MARK": mark, **environ},
        cwd=folder,
        check=True,
        timeout=120,
        stdout=(folder / f"{mark}.out").open("wb"),
    )
    until((folder / mark).exists, 30)
    return json.loads((folder / mark).read_text())


def test_workers_are_forked_from_one_process_that_ends_with_the_raylet(
    tmp_path: Path, raylet: subprocess.Popen[bytes]
) -> None:
    one = _start(tmp_path, raylet.pid, "one", PLAIN, "--x=1")
    two = _start(tmp_path, raylet.pid, "two")
    worker = str(tmp_path / "default_worker.py")
    assert one["arguments"] == [worker, "--x=1", "one"], "without those that are for Ray's script"
    assert two["arguments"] == [worker, "two"]
    assert (one["mark"], two["mark"]) == ("one", "two")
    assert one["parent"] == two["parent"]
    for record in (one, two):
        assert record | {"arguments": [], "mark": "", "parent": 0} == {
            "arguments": [],
            "mark": "",
            "parent": 0,
            "folder": str(tmp_path),
            "group": True,
            "blocked": [],
            "children": True,
            "main": "__main__",
            "ray": True,
        }
    assert (tmp_path / "one.out").read_text() == "printed one\n"
    server = psutil.Process(one["parent"])
    assert "fork/server.py" in " ".join(server.cmdline())
    assert not [c for c in server.children() if c.status() == psutil.STATUS_ZOMBIE]
    raylet.kill()
    raylet.wait()
    until(lambda: not server.is_running(), 15)
    assert (tmp_path / "fork.log").read_text() == ""


@pytest.mark.parametrize(
    "context", [{"env_vars": {"A": "b"}}, {"command_prefix": ["nice"]}, {"py_executable": "/other"}]
)
def test_a_worker_with_wishes_of_its_own_is_started_by_ray(tmp_path: Path, context: dict[str, Any]) -> None:
    text = f"{CONTEXT}{json.dumps(context)}"
    record = _start(tmp_path, 1, "own", text)
    assert record["arguments"] == [
        str(tmp_path / "setup_worker.py"),
        str(tmp_path / "default_worker.py"),
        "--language=PYTHON",
        text,
        "own",
    ]
    assert not record["ray"]


def test_without_a_fork_server_ray_starts_workers(tmp_path: Path) -> None:
    for number, environ in enumerate([{ask.FOLDER: ""}, {ask.FOLDER: str(tmp_path / "missing")}]):
        record = _start(tmp_path, 1, f"none{number}", environ=environ)
        assert record["arguments"][0] == str(tmp_path / "setup_worker.py")


def test_what_is_imported_before_the_fork_may_be_shared() -> None:
    code = (
        "import sys, threading; from meshgen.rayserve.fork import server; server.preload(); "
        "assert server._fork_draws() != server._fork_draws(), 'ids of Ray'; "
        "assert 'numpy.random' not in sys.modules, 'its generator is seeded once'; "
        "assert threading.active_count() == 1, threading.enumerate()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_rays_script_takes_the_place_that_ours_thinks_it_has() -> None:
    from ray._private.workers import default_worker

    assert Path(default_worker.__file__).with_name("setup_worker.py").is_file()
