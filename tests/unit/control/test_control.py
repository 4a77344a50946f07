"""The parts of a run that need neither Ray nor Envoy."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import click
import plan_samples
import pytest
import yaml
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from meshgen.cli.app import _origin
from meshgen.compiler import compile_graph
from meshgen.control import environment, memory, ports
from meshgen.control.agent.discovery import Discovery
from meshgen.control.agent.reflection import ReflectionServer
from meshgen.control.agent.snapshot import AppStatus, parse
from meshgen.control.deploy import Deployed, Progress, cpus
from meshgen.control.layout import Layout, published
from meshgen.control.model import Addresses, MeshError, MeshOptions, NodeEvent, StartError, Target
from meshgen.control.reaper import RUN_ID, Reaper, members
from meshgen.control.traceback_text import user_error
from meshgen.frontend import load_graph
from meshgen.plan.model import Workload

RETRYING = """A replica failed to start with exception. Retrying 2 more time(s). Error:
\x1b[36mray::ServeReplica:bad:node.initialize_and_get_metadata()\x1b[39m (pid=7, ip=127.0.0.1)
  File "/lib/python3.11/concurrent/futures/_base.py", line 456, in result
    return self.__get_result()
  File "/venv/ray/serve/_private/replica.py", line 1928, in initialize
    raise RuntimeError(traceback.format_exc()) from None
RuntimeError: Traceback (most recent call last):
  File "/venv/ray/serve/_private/replica.py", line 4008, in _call_func_or_gen
    result = callable(*args, **kwargs)
             ^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/home/me/graphs/x.py", line 8, in __init__
    raise OSError("no weights")
OSError: no weights"""


def test_the_users_error_without_our_frames() -> None:
    assert user_error(RETRYING).splitlines() == [
        "Traceback (most recent call last):",
        '  File "/home/me/graphs/x.py", line 8, in __init__',
        '    raise OSError("no weights")',
        "OSError: no weights",
    ]


def test_an_error_without_a_traceback_is_told_as_it_is() -> None:
    assert user_error("The deployment failed. Error:\nThe actor died unexpectedly.") == "The actor died unexpectedly."
    assert user_error("out of memory") == "out of memory"


def _details(status: str = "RUNNING", message: str = "", targets: Any = (), state: str = "RUNNING") -> dict[str, Any]:
    deployment = {
        "message": message,
        "target_num_replicas": 2,
        "replicas": [{"state": state, "pid": 7}, {"state": "STARTING"}],
    }
    return {
        "applications": {"x-n": {"status": status, "message": "", "deployments": {"node": deployment}}},
        "target_groups": [
            {"app_name": "x-n", "protocol": "HTTP", "targets": [_target("SERVE_REPLICA::a")]},
            {"app_name": "x-n", "protocol": "gRPC", "targets": list(targets)},
        ],
    }


def _target(name: str) -> dict[str, Any]:
    return {"name": name, "ip": "192.0.2.1", "port": 9000}


def test_only_replicas_are_endpoints() -> None:
    targets = [
        _target("SERVE_REPLICA::x#b"),
        _target("SERVE_REPLICA::x#a"),
        _target("SERVE_PROXY_ACTOR-1"),
    ]
    [app] = parse(_details(targets=targets)).values()
    assert app.ids == ("a", "b")
    assert (app.running, app.wanted, app.start_failure) == (1, 2, "")


@pytest.mark.parametrize("details", [_details("DEPLOYING", RETRYING), _details("DEPLOY_FAILED", "lost")])
def test_failures_of_the_start(details: dict[str, Any]) -> None:
    [app] = parse(details).values()
    assert app.start_failure


def test_an_app_on_its_way_out_is_gone() -> None:
    assert parse(_details("DELETING")) == {}
    assert parse({}) == {}


def _app(running: int, *, ids: str, message: str = "") -> AppStatus:
    return AppStatus(
        name="x-n",
        status="RUNNING",
        message=message,
        wanted=2,
        replicas=(("RUNNING", 1),) * running,
        ids=tuple(ids),
    )


async def _never() -> Any:
    raise AssertionError


def _hosts(folder: Path) -> list[str]:
    [resource] = yaml.safe_load((folder / "x-n" / "endpoints.yaml").read_text())["resources"]
    hosts = [h for group in resource["endpoints"] for h in group["lb_endpoints"]]
    paths = [Path(h["endpoint"]["address"]["pipe"]["path"]) for h in hosts]
    assert all(path.parent == folder / "replicas" for path in paths)
    return [path.name.removesuffix(".sock") for path in paths]


def _discovery(details: Any, changed: Any, folder: Path) -> Discovery:
    (folder / "replicas").mkdir()
    return Discovery(details, changed, folder, folder / "replicas", ["x-n"])


def test_endpoint_files_follow_serve(tmp_path: Path) -> None:
    discovery = _discovery(_never, _never, tmp_path)
    assert _hosts(tmp_path) == []
    assert discovery.update({"x-n": _app(2, ids="ab")})
    assert _hosts(tmp_path) == ["a", "b"]
    assert not discovery.update({"x-n": _app(2, ids="ab")})
    assert not discovery.update({"x-n": _app(0, ids="")}), "the last replica may still be draining"
    assert _hosts(tmp_path) == ["a", "b"]
    assert discovery.update({})
    assert _hosts(tmp_path) == []
    assert [p.name for p in (tmp_path / "x-n").iterdir()] == ["endpoints.yaml"]


def test_lists_for_direct_calls_follow_serve(tmp_path: Path) -> None:
    discovery, replicas = _discovery(_never, _never, tmp_path), tmp_path / "replicas"
    assert not list(replicas.iterdir())
    discovery.update({"x-n": _app(2, ids="ab")})
    assert (replicas / "x-n").read_text().split() == ["a", "b"]
    # The last one that drains is not called any more: Envoy knows what else there may be.
    discovery.update({"x-n": _app(0, ids="")})
    assert not (replicas / "x-n").read_text()
    assert [p.name for p in replicas.iterdir()] == ["x-n"]


class _Serve:
    """What discovery asks: a report, and word of news."""

    def __init__(self) -> None:
        self.ids: tuple[str, ...] = ()
        self.polls = 0
        self.broken = False
        self._news = asyncio.Event()

    def tell(self, *ids: str) -> None:
        self.ids = ids
        self._news.set()

    async def details(self) -> Any:
        self.polls += 1
        targets = [_target(f"SERVE_REPLICA::n#{replica}") for replica in self.ids]
        return {**_details("RUNNING"), "target_groups": [{"protocol": "gRPC", "app_name": "x-n", "targets": targets}]}

    async def changed(self) -> None:
        if self.broken:
            raise ConnectionError
        await self._news.wait()
        self._news.clear()


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - files and counters tell nobody
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def _discovered(serve: _Serve, folder: Path, *, calm: bool) -> AsyncIterator[Discovery]:
    discovery = _discovery(serve.details, serve.changed, folder)
    discovery.waits_for_word = calm
    task = asyncio.create_task(discovery.run())
    try:
        yield discovery
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_calm_mesh_is_asked_when_serve_has_news(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meshgen.control.agent.discovery._WAITING_S", 3600.0)
    serve = _Serve()
    async with _discovered(serve, tmp_path, calm=True):
        await _until(lambda: serve.polls == 1)
        serve.tell("a")
        await _until(lambda: _hosts(tmp_path) == ["a"])
        serve.tell("a", "b")
        await _until(lambda: _hosts(tmp_path) == ["a", "b"])
        assert serve.polls == 3


async def test_news_in_the_middle_of_a_poll_leads_to_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meshgen.control.agent.discovery._WAITING_S", 3600.0)
    serve = _Serve()
    async with _discovered(serve, tmp_path, calm=True) as discovery:

        async def slow(_snapshot: object) -> None:
            if serve.polls == 1:
                # The report is old by the time it has been read.
                serve.tell("a")
                await asyncio.sleep(0.1)

        discovery.listeners.append(slow)
        await _until(lambda: _hosts(tmp_path) == ["a"])


@pytest.mark.parametrize("calm", [False, True])
async def test_without_word_from_serve_it_is_asked_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calm: bool
) -> None:
    monkeypatch.setattr("meshgen.control.agent.discovery._WAITING_S", 0.1)
    serve = _Serve()
    serve.broken = True
    async with _discovered(serve, tmp_path, calm=calm):
        await _until(lambda: serve.polls > 0)
        serve.ids = ("a",)
        await _until(lambda: _hosts(tmp_path) == ["a"])


def test_a_persons_own_settings_of_ray_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_event_stats", raising=False)
    assert environment.for_own_cluster("run", Path("/run"))["RAY_event_stats"] == "0"
    monkeypatch.setenv("RAY_event_stats", "1")
    assert "RAY_event_stats" not in environment.for_own_cluster("run", Path("/run"))


@pytest.mark.parametrize("address", [None, "127.0.0.1:6379"])
def test_what_ray_reads_is_known_before_a_graph_is_loaded_which_may_import_ray(
    address: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in [n for n in os.environ if n.startswith("RAY_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    monkeypatch.delitem(sys.modules, "ray", raising=False)
    options = MeshOptions(address=address, max_message_mb=7)
    environment.apply(environment.of_ray(options))
    monkeypatch.setitem(sys.modules, "ray", ModuleType("ray"))  # as the graph's file did
    later = environment.for_replicas(Layout.pick(tmp_path, 1), [], 7)
    own = environment.for_own_cluster("run", tmp_path) if address is None else {}
    environment.apply({**later, **own})
    assert os.environ["RAY_SERVE_THROUGHPUT_OPTIMIZED"] == "1"
    assert ("RAY_AUTH_TOKEN" in os.environ) is (address is None), "a joined cluster has its own"
    with pytest.raises(MeshError, match="Ray was imported before `meshgen run` could set RAY_SERVE_X"):
        environment.apply({"RAY_SERVE_X": "1"})


def _deployed(**serve: Any) -> Deployed:
    workload = Workload(node="n", application="x-n", service="x.n.v1.N", rpcs=("Call",), package="x.n.v1", serve=serve)
    return Deployed(graph="x", workload=workload)


def test_progress_is_told_once_and_failures_name_the_node() -> None:
    told: list[NodeEvent] = []
    progress = Progress([_deployed()], told.append)
    assert progress.pending() == ("node 'n' of 'x'",)
    for app in (_app(1, ids="a"), _app(1, ids="a"), _app(2, ids="ab")):
        progress.update({"x-n": app})
    assert [(e.state, e.running) for e in told] == [("queued", 0), ("starting", 1), ("running", 2)]
    assert progress.pending() == ()
    with pytest.raises(StartError, match=r"(?s)node 'n' of 'x' did not start.*OSError: no weights"):
        progress.update({"x-n": _app(1, ids="a", message=RETRYING)})
    assert told[-1].state == "failed"


def test_room_for_all_replicas() -> None:
    many = [
        _deployed(),
        _deployed(num_replicas=3, ray_actor_options={"num_cpus": 2}),
        _deployed(autoscaling_config={"min_replicas": 1, "max_replicas": 4}),
    ]
    assert cpus(many) == 1 + 6 + 4
    assert cpus(many, surge=True) == 2 + 8 + 5


def test_a_busy_port() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(MeshError, match=f"port {port} on 127.0.0.1 is in use"):
            ports.public_port("127.0.0.1", port)
    assert ports.public_port("127.0.0.1", port) == port
    assert ports.public_port("127.0.0.1", 0) > 0
    with pytest.raises(MeshError, match="cannot listen on"):
        ports.public_port("no-such-host.invalid", 8080)


def test_addresses() -> None:
    addresses = Addresses(host="::1", port=80, rest=(), services=(), run_dir=Path(), logs=Path())
    assert addresses.health == "http://[::1]:80/healthz"
    assert MeshOptions(host="0.0.0.0").connect_host == "127.0.0.1"
    assert not MeshOptions(host="0.0.0.0").nodes_exposed
    assert MeshOptions().nodes_exposed
    assert not MeshOptions(expose_nodes=False).nodes_exposed


def test_pages_of_this_machine_and_of_origins_that_were_named_may_call(tmp_path: Path) -> None:
    plan = plan_samples.plan()
    target = Target(root=tmp_path, mesh=plan.mesh, descriptors=plan.contract.descriptors, files=())
    config = Layout.pick(tmp_path, 8080).write_config([target], MeshOptions(origins=("https://app.example.com",)))
    allowed = re.findall(r"regex: (\S+)", config.read_text().partition("allow_origin_string_match")[2])[:2]
    assert re.fullmatch(allowed[0], "http://localhost:3000")
    assert re.fullmatch(allowed[1], "https://app.example.com")
    assert not any(re.fullmatch(pattern, "https://appxexample.com") for pattern in allowed)


@pytest.mark.parametrize("origin", ["app.example.com", "https://app.example.com/", "https://*.example.com"])
def test_what_is_no_origin_is_refused(origin: str) -> None:
    with pytest.raises(click.BadParameter, match="is no origin"):
        _origin(origin)


# Ignores the first request to end, and has a child that does, too.
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if len(sys.argv) < 2:
    subprocess.Popen([sys.executable, "-c", sys.orig_argv[2], "child"])
print("up", flush=True)
time.sleep(60)
"""


def _spawn(run_id: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", STUBBORN], env={**os.environ, RUN_ID: run_id}, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    assert process.stdout.readline() == "up\n"


def test_a_finished_run_leaves_nothing(tmp_path: Path) -> None:
    run_id = uuid.uuid4().hex
    folder, farewell = tmp_path / "run", tmp_path / "farewell"
    folder.mkdir()
    reaper = Reaper(run_id, folder, last_command=["touch", str(farewell)])
    _spawn(run_id)
    assert len(list(members(run_id))) == 2
    assert reaper.finish()
    assert list(members(run_id)) == []
    assert not folder.exists()
    assert not farewell.exists(), "only when the command dies"


def test_the_watcher_cleans_up_after_a_killed_command(tmp_path: Path) -> None:
    run_id = uuid.uuid4().hex
    folder, farewell = tmp_path / "run", tmp_path / "farewell"
    folder.mkdir()
    command = f"""
import os, pathlib
from meshgen.control.reaper import Reaper
reaper = Reaper({run_id!r}, pathlib.Path({str(folder)!r}), last_command=["touch", {str(farewell)!r}])
print(reaper.pid, flush=True)
os.kill(os.getpid(), 9)
"""
    _spawn(run_id)
    done = subprocess.run([sys.executable, "-c", command], stdout=subprocess.PIPE, check=False)
    import psutil

    psutil.wait_procs([psutil.Process(int(done.stdout))], timeout=20)
    assert list(members(run_id)) == []
    assert not folder.exists()
    assert farewell.exists()


def test_the_folder_in_memory_goes_with_the_run(tmp_path: Path) -> None:
    shared = memory.make("one", tmp_path)
    if shared is None:
        pytest.skip("too little room")
    assert shared.path.stat().st_mode & 0o777 == 0o700
    assert int((shared.path / "room").read_text()) == shared.bound <= 2 << 30
    folder = tmp_path / "run"
    folder.mkdir()
    assert Reaper(uuid.uuid4().hex, folder, memory=shared.path).finish()
    assert not shared.path.exists()
    shared.close()


def test_the_watcher_removes_the_folder_in_memory(tmp_path: Path) -> None:
    folder, shared = tmp_path / "run", tmp_path / "memory"
    folder.mkdir()
    shared.mkdir()
    command = f"""
import os, pathlib
from meshgen.control.reaper import Reaper
reaper = Reaper({uuid.uuid4().hex!r}, pathlib.Path({str(folder)!r}), memory=pathlib.Path({str(shared)!r}))
print(reaper.pid, flush=True)
os.kill(os.getpid(), 9)
"""
    done = subprocess.run([sys.executable, "-c", command], stdout=subprocess.PIPE, check=False)
    import psutil

    psutil.wait_procs([psutil.Process(int(done.stdout))], timeout=20)
    assert not folder.exists()
    assert not shared.exists()


def test_the_next_run_removes_what_dead_runs_have_left_in_memory(tmp_path: Path) -> None:
    living = memory.make("living", tmp_path)
    if living is None:
        pytest.skip("too little room")
    command = f"""
import os, pathlib
from meshgen.control import memory
made = memory.make("dead", pathlib.Path({str(tmp_path)!r}))
(made.path / "1-1-1-5").write_bytes(b"abcde")
os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", command], check=False)
    (tmp_path / "meshgen-link").symlink_to(living.path)
    (tmp_path / "meshgen-file").touch()
    (tmp_path / "else").mkdir()
    assert (tmp_path / "meshgen-dead").exists()
    another = memory.make("another", tmp_path)
    assert another is not None
    found = {path.name for path in tmp_path.iterdir()}
    assert found == {"meshgen-living", "meshgen-another", "meshgen-link", "meshgen-file", "else"}
    assert (living.path / "room").exists()
    living.close()
    another.close()


def test_where_memory_is_short_there_is_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory.os, "statvfs", lambda _: SimpleNamespace(f_bavail=1 << 14, f_frsize=1 << 12))
    assert memory.make("one", tmp_path) is None
    monkeypatch.setattr(memory, "_SHARED_MEMORY", tmp_path / "none")
    assert memory.make("one") is None
    assert not list(tmp_path.iterdir())


def test_hidden_services_stay_out_of_reflection() -> None:
    files = compile_graph(load_graph("graphs/quickstart.py"), lock=None).plan.contract.descriptors
    shown = published(files, {"quickstart.v1.QuickstartService"})
    assert [s.name for f in shown.file for s in f.service] == ["QuickstartService"]
    assert {f.name for f in files.file} - {f.name for f in shown.file} == {
        f"quickstart/{n}/v1/{n}.proto" for n in ("average", "combine", "model_1", "model_2", "parse_number")
    }


def test_ports_that_are_spoken_for_or_taken_are_not_picked(monkeypatch: pytest.MonkeyPatch) -> None:
    ports._candidates.cache_clear()
    first = next(ports._candidates())
    monkeypatch.setattr(ports, "free", lambda _, port: port != first + 2)
    assert ports.pick(2, besides=first + 1) == (first + 3, first + 4)


def test_processes_that_start_together_pick_different_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "free", lambda *_: True)
    picked: list[int] = []
    for pid in range(4_000_000, 4_000_100):
        monkeypatch.setattr(ports.os, "getpid", lambda pid=pid: pid)
        ports._candidates.cache_clear()
        picked += [*ports.pick(5), *ports.pick(2), *ports.pick(4)]
    ports._candidates.cache_clear()
    assert len(set(picked)) == len(picked)
    assert set(picked) <= set(range(20000, 30000))


async def test_a_port_that_is_taken_during_the_start_is_an_error_that_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        front = ReflectionServer(FileDescriptorSet(), [], port=port)
        with pytest.raises(MeshError, match=f"port {port} was taken by another process during the start"):
            await front.start()
        await front.stop()
