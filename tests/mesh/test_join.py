"""`meshgen run --address`: two runs on one Ray, each leaves with what it brought."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from running_mesh import until

from meshgen.control import ports
from meshgen.control.reaper import RUN_ID, sweep

if TYPE_CHECKING:
    from conftest import MeshStarter

pytestmark = pytest.mark.mesh
TINY, BROKEN = "tests/mesh/graphs/tiny.py", "tests/mesh/graphs/broken.py"
STATUS = """
import ray, sys
ray.init(address=sys.argv[1], logging_level=40, log_to_driver=False)
from ray import serve
print("applications:", *sorted(serve.status().applications))
"""


class Head:
    """Somebody's Ray on this machine."""

    def __init__(self, folder: Path, run_id: str) -> None:
        self.port, dashboard = ports.pick(2)
        auth = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": uuid.uuid4().hex * 2}
        self.env: Mapping[str, str] = auth
        environ = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        ray = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", f"--port={self.port}"]
        options = ["--num-cpus=4", "--include-dashboard=false", f"--dashboard-port={dashboard}", f"--temp-dir={folder}"]
        log = (folder / "head.log").open("wb")
        own = {**environ, **auth, RUN_ID: run_id, "SPT_NOENV": "1", "RAY_USAGE_STATS_ENABLED": "0"}
        self.process = subprocess.Popen([*ray, *options], env=own, stdout=log, stderr=log, start_new_session=True)
        until(lambda: "Ray runtime started" in (folder / "head.log").read_text(), 60)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def applications(self) -> list[str]:
        """What Serve there runs."""
        command = [sys.executable, "-c", STATUS, self.address]
        done = subprocess.run(command, env={**os.environ, **self.env}, capture_output=True, text=True, check=True)
        return done.stdout.partition("applications:")[2].split()


@pytest.fixture(scope="module")
def head() -> Iterator[Head]:
    folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))
    run_id = uuid.uuid4().hex
    try:
        yield Head(folder, run_id)
    finally:
        sweep(run_id)
        shutil.rmtree(folder, ignore_errors=True)


def test_runs_share_a_cluster(new_mesh: MeshStarter, head: Head) -> None:
    options = ("--port", "0", "--address", head.address)
    first = new_mesh(TINY, options=options, env=head.env).start()
    assert first.post("/tiny", {"text": "a"}).body == {"result": "a"}
    assert head.applications() == ["tiny", "tiny-echo"]

    again = new_mesh(TINY, options=options, env=head.env).launch()
    assert again.wait(60) == 1
    assert "already runs tiny, tiny-echo" in again.stderr

    broken = new_mesh(BROKEN, options=options, env=head.env).launch()
    assert broken.wait(90) == 1
    assert "no weights at weights/model.bin" in broken.stderr
    assert head.applications() == ["tiny", "tiny-echo"], "what others run stays"
    assert first.post("/tiny", {"text": "b"}).body == {"result": "b"}

    first.send(signal.SIGKILL)
    first.wait()
    until(lambda: not first.leftovers(), 60)
    until(lambda: head.applications() == [], 60)


def test_a_cluster_without_room(new_mesh: MeshStarter, head: Head) -> None:
    mesh = new_mesh("graphs/quickstart.py", options=("--port", "0", "--address", head.address), env=head.env).launch()
    assert mesh.wait(60) == 1
    assert "has 4 free CPUs, the replicas of this mesh ask for 6" in mesh.stderr


def test_no_cluster_there(new_mesh: MeshStarter) -> None:
    [port] = ports.pick(1)
    mesh = new_mesh(TINY, options=("--port", "0", "--address", f"127.0.0.1:{port}")).launch()
    assert mesh.wait(60) == 1
    assert f"cannot join Ray at 127.0.0.1:{port}" in mesh.stderr
