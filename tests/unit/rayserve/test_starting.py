"""Each of Ray's private places that the start and the end of a cluster lean on, against the installed Ray."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from meshgen.rayserve import starting

pytest.importorskip("ray.serve")
from ray._private import node, parameter, worker
from ray.serve._private import api, client


def test_workers_are_started_by_our_script() -> None:
    original = parameter.RayParams
    with starting.workers_started_by(Path("ask.py")):
        made = parameter.RayParams(num_cpus=1)
    assert parameter.RayParams is original
    assert isinstance(made, original)
    made.update_if_absent(setup_worker_path="Ray's own")
    assert made.setup_worker_path == "ask.py"
    assert "ray._private.parameter.RayParams(" in inspect.getsource(worker.init)
    assert "self._ray_params.setup_worker_path" in inspect.getsource(node.Node.start_raylet)


def test_serve_waits_for_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    def create(*_args: Any, **_options: Any) -> tuple[str, list[str]]:
        return "controller", ["never ready"]

    # Put back afterwards.
    monkeypatch.setattr(api, "_create_controller_and_proxy_refs", create)
    wait = client.ServeControllerClient.wait_for_proxies_serving
    monkeypatch.setattr(client.ServeControllerClient, "wait_for_proxies_serving", wait)
    starting.wait_for_no_proxy()
    assert api._create_controller_and_proxy_refs() == ("controller", [])
    unconnected: Any = object()
    client.ServeControllerClient.wait_for_proxies_serving(unconnected, wait_for_applications_running=False)
    assert "= _create_controller_and_proxy_refs(" in inspect.getsource(api.serve_start)
    assert "self.wait_for_proxies_serving(" in inspect.getsource(client.ServeControllerClient.deploy_applications)


def test_a_ray_that_has_died_does_not_hold_up_the_end() -> None:
    code = (
        "import atexit, time; from meshgen.rayserve.ending import exit_without_ray; "
        "atexit.register(time.sleep, 60); exit_without_ray(); print('said')"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, ended.stdout) == (1, "said\n")
