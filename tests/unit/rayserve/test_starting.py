"""Each of Ray's private places that the start and the end of a cluster lean on, against the installed Ray."""

from __future__ import annotations

import functools
import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from meshgen.rayserve import starting

pytest.importorskip("ray.serve")
from ray._private import node, parameter, services, worker
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


def test_a_raylet_is_told_the_ports_of_its_agents(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given: dict[str, Any] = {}
    original = services.start_raylet

    @functools.wraps(original)
    def start_raylet(*args: Any, **options: Any) -> None:
        given.update(inspect.signature(original).bind(*args, **options).arguments)

    monkeypatch.setattr(services, "start_raylet", start_raylet)
    node_id = "ab" * 28
    wanted = [p for p in inspect.signature(original).parameters.values() if p.default is p.empty]
    args = {p.name: str(tmp_path) if p.name == "session_dir" else node_id for p in wanted}
    with starting.agents_at(1, 2, 3, 4):
        services.start_raylet(*args.values(), metrics_agent_port=9)
    assert services.start_raylet is start_raylet
    names = ("metrics_agent_port", "metrics_export_port", "dashboard_agent_listen_port", "runtime_env_agent_port")
    assert [given[name] for name in names] == [1, 2, 3, 4]
    # The file that the raylet waits for, by its name and by what is in it.
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {f"dashboard_agent_listen_port_{node_id}": "3"}
    assert "ray._private.services.start_raylet(" in inspect.getsource(node.Node.start_raylet)
    command = inspect.getsource(original)
    assert all(f"={{{name}}}" in command for name in names)


def test_a_raylet_may_take_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[Any] = [RuntimeError("not yet"), RuntimeError("not yet"), {"node": 1}, *[RuntimeError("never")] * 99]

    def get_node(*_: Any) -> Any:
        answer = answers.pop(0)
        if isinstance(answer, RuntimeError):
            raise answer
        return answer

    monkeypatch.setattr(services, "get_node", get_node)
    with starting.patient(0.5):
        assert services.get_node("address", "id") == {"node": 1}
        with pytest.raises(RuntimeError, match="never"):
            services.get_node("address", "id")
    assert services.get_node is get_node
    assert "ray._private.services.get_node(" in inspect.getsource(node.Node.__init__)


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
