"""Ray and Serve for a run: started on this machine, or a running cluster that is fit for a mesh."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from meshgen.control import environment, ports
from meshgen.control.model import ClusterError, MeshError
from meshgen.control.traceback_text import last_line
from meshgen.control.worker_thread import WorkerThread
from meshgen.rayserve.controller import running_controller
from meshgen.rayserve.ending import exit_without_ray
from meshgen.rayserve.fork import ask
from meshgen.rayserve.logs import logs_folder
from meshgen.rayserve.names import SERVICER
from meshgen.rayserve.starting import agents_at, end_log_monitor, patient, wait_for_no_proxy, workers_started_by
from meshgen.rayserve.watch import ReplicaWatch

_OBJECT_STORE_BYTES = 256 * 1024 * 1024
_DRAIN_LIMIT_S = 10.0
_STOP_LIMIT_S = 40.0
"""A start that is under way is waited for, too."""
_POLL_S = 0.2
_REACH_LIMIT_S = 5.0
_PARTS = {"gcs_server", "raylet"}
_BUSY = f"A busy machine may take longer: run again when it is less so, or with {environment.START_WAIT}=600"


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """A Serve application to deploy."""

    name: str
    target: Any
    """`serve.Application`, from a generated `service.py`."""
    version: str


class Cluster:
    """A connection to Ray and Serve. All of Ray that blocks runs in one thread of its own."""

    def __init__(self) -> None:
        self._thread = WorkerThread("ray")
        self._controller: Any = None
        self._watch: ReplicaWatch | None = None
        self._parts: Mapping[psutil.Process, str] = {}
        self._started = False
        self._started_serve = False
        self._deployed: tuple[str, ...] = ()
        self.own = False

    async def start(self, *, cpus: int, folder: Path) -> None:
        """Start Ray here. The environment has been set.

        Args:
            cpus: logical CPUs, i.e. how many replicas find a place.
            folder: for Ray's session; a short path, as Unix sockets lie in it.
        """
        self.own = True
        await self._thread.call(self._start, cpus, folder)

    async def start_serve(self) -> None:
        """Start Serve on it."""
        await self._thread.call(self._start_serve)

    async def join(self, address: str, applications: Sequence[str], *, cpus: int, env: Mapping[str, str]) -> None:
        """Connect to a running cluster on this machine and check it; start Serve there when it does not run.

        Args:
            address: of Ray.
            applications: names that must be free there.
            cpus: that must be free there.
            env: variables for the replicas.

        Raises:
            MeshError: what the cluster lacks.
        """
        await _check_reachable(address)
        await self._thread.call(self._join, address, applications, cpus, env)

    async def deploy(self, applications: Sequence[Application]) -> None:
        """Hand the applications to Serve; returns before they run.

        Raises:
            MeshError: Serve does not take them.
        """
        await self._thread.call(self._deploy, applications)

    async def retire(self, applications: Sequence[str]) -> None:
        """Take applications off; returns before their replicas have drained."""
        await self._thread.call(self._retire, applications)

    async def run(self, function: Any, *args: Any) -> Any:
        """Run something that blocks, and may use Ray, in Ray's thread."""
        return await self._thread.call(function, *args)

    async def details(self) -> Mapping[str, Any]:
        """Serve's report on its applications, as a mapping (`ServeInstanceDetails`)."""
        # The controller is asked, not the REST API, so a mesh needs no dashboard.
        details: Mapping[str, Any] = await self._controller.get_serve_instance_details.remote()
        return details

    async def changed(self) -> None:
        """Return when the running replicas of a deployed application are others than at the last return."""
        if self._watch is None:
            self._watch = ReplicaWatch(self._controller, self._deployed)
        await self._watch.changed()

    def logs(self) -> Path:
        """Folder of the replicas' logs."""
        return logs_folder()

    def broken(self) -> str | None:
        """Which part of our own Ray has died; None while all live (or when the cluster is not ours)."""
        if self.own and not self._started:
            # A start waits for one that has died, too.
            self._parts = {**self._parts, **_own_parts()}
        dead = [(p.pid, name) for p, name in self._parts.items() if _has_ended(p)]
        return f"Ray stopped: its {dead[0][1]}, process {dead[0][0]}, died" if dead else None

    async def stop(self) -> None:
        """Leave: end our own cluster, or take only our applications off a joined one.

        Returns within a limit, even if Ray does not answer, or is still about to start; the sweep does the rest then.
        """
        try:
            if self.broken() is None:
                await asyncio.wait_for(self._thread.call(self._stop), _STOP_LIMIT_S)
                return
        except TimeoutError:
            pass
        exit_without_ray()

    # --- in Ray's thread -------------------------------------------------------------------------------------------

    def _start(self, cpus: int, folder: Path) -> None:
        import ray

        _refuse_started()
        _quiet()
        wait_s = environment.start_wait_s()
        try:
            with workers_started_by(Path(ask.__file__)), agents_at(*ports.pick(4)), patient(wait_s):
                ray.init(
                    address="local",
                    num_cpus=cpus,
                    include_dashboard=False,
                    object_store_memory=_OBJECT_STORE_BYTES,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    _temp_dir=str(folder),
                )
        except Exception as error:
            raise ClusterError(f"Ray did not start: {last_line(error)}\n{_BUSY}") from error
        self._parts = _own_parts()
        self._started = True
        end_log_monitor()
        wait_for_no_proxy()

    def _start_serve(self) -> None:
        from ray import serve
        from ray.serve.config import gRPCOptions

        _quiet()
        http, grpc = ports.pick(2)
        try:
            serve.start(
                http_options={"host": "127.0.0.1", "port": http},
                grpc_options=gRPCOptions(port=grpc, grpc_servicer_functions=[SERVICER]),
                logging_config={"enable_access_log": False},
            )
        except Exception as error:
            raise ClusterError(f"Serve did not start: {last_line(error)}") from error
        self._started_serve = True
        self._controller = running_controller()

    def _join(self, address: str, applications: Sequence[str], cpus: int, env: Mapping[str, str]) -> None:
        import ray

        _refuse_started()
        _quiet()
        try:
            ray.init(
                address=address, runtime_env={"env_vars": dict(env)}, log_to_driver=False, logging_level=logging.ERROR
            )
        except Exception as error:
            raise MeshError(f"cannot join Ray at {address}: {last_line(error)}") from error
        _check_place(address)
        wait_for_no_proxy()
        self._controller = running_controller()
        if self._controller is None:
            _check_room(address, cpus)
            self._start_serve()
            return
        details = ray.get(self._controller.get_serve_instance_details.remote())
        _check_serve(address, details)
        _check_names(address, details, applications)
        _check_room(address, cpus)

    def _deploy(self, applications: Sequence[Application]) -> None:
        from ray import serve

        names = dict.fromkeys((*self._deployed, *(a.name for a in applications)))
        self._watch_only(tuple(names))
        try:
            serve.run_many(
                [serve.RunTarget(target=a.target, name=a.name, route_prefix=f"/{a.name}") for a in applications],
                wait_for_ingress_deployment_creation=False,
                wait_for_applications_running=False,
            )
        except Exception as error:
            raise MeshError(f"Serve did not take the graphs: {last_line(error)}") from error

    def _retire(self, applications: Sequence[str]) -> None:
        from ray import serve

        for name in applications:
            serve.delete(name, _blocking=False)
        self._watch_only(tuple(name for name in self._deployed if name not in applications))

    def _watch_only(self, names: tuple[str, ...]) -> None:
        if names != self._deployed:
            self._deployed, self._watch = names, None

    def _stop(self) -> None:
        import ray

        if not ray.is_initialized():
            return
        if not self.own and self._deployed:
            _take_off(self._deployed, and_serve=self._started_serve)
        ray.shutdown()


def _take_off(applications: Sequence[str], *, and_serve: bool) -> None:
    """Take applications off a joined cluster, and Serve when we have started it and nobody else uses it."""
    from ray import serve

    for name in applications:
        serve.delete(name, _blocking=False)
    deadline = time.monotonic() + _DRAIN_LIMIT_S
    while set(applications) & serve.status().applications.keys() and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    # Another run may have joined the Serve that we started.
    if and_serve and not serve.status().applications:
        serve.shutdown()  # type: ignore[no-untyped-call]


def _refuse_started() -> None:
    import ray

    if ray.is_initialized():
        calls = "`ray.init`, `serve.start` or `serve.run`"
        raise MeshError(f"a graph's file starts Ray when it is imported, by {calls}; leave that to `meshgen run`")


def _quiet() -> None:
    # Both set their level and handlers when they start; what matters to a person comes from us.
    for name in ("ray", "ray.serve"):
        logging.getLogger(name).setLevel(logging.ERROR)


async def _check_reachable(address: str) -> None:
    """Ray itself tries for a minute and more, and cannot be interrupted."""
    host, _, port = address.rpartition(":")
    if address.startswith("ray://"):
        raise MeshError(f"{address} is for Ray's client; give the address of the cluster itself, HOST:PORT")
    if not port.isdigit():
        return  # `auto`
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host.strip("[]"), int(port)), _REACH_LIMIT_S)
    except (OSError, TimeoutError) as error:
        raise MeshError(f"cannot join Ray at {address}: {str(error) or 'no answer'}") from None
    writer.close()


def _own_parts() -> Mapping[psutil.Process, str]:
    return {p: name for p in psutil.Process().children() if (name := _name(p)) in _PARTS}


def _has_ended(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.Error:
        return True


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.Error:
        return ""


def _check_place(address: str) -> None:
    here = {a.address for addresses in psutil.net_if_addrs().values() for a in addresses}
    away = sorted({n["NodeManagerAddress"] for n in _nodes() if n["Alive"]} - here)
    if away:
        raise MeshError(f"Ray at {address} has nodes on other machines ({', '.join(away)}); `run` is for one machine")


def _nodes() -> list[dict[str, Any]]:
    import ray

    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    return nodes


def _check_names(address: str, details: Mapping[str, Any], applications: Sequence[str]) -> None:
    if taken := sorted(set(applications) & set(details.get("applications") or ())):
        raise MeshError(f"Serve at {address} already runs {', '.join(taken)}; stop that run first")


def _check_room(address: str, cpus: int) -> None:
    import ray

    there = ray.available_resources().get("CPU", 0)  # type: ignore[no-untyped-call]
    if there < cpus:
        raise MeshError(f"Ray at {address} has {there:g} free CPUs, the replicas of this mesh ask for {cpus:g}")


def _check_serve(address: str, details: Mapping[str, Any]) -> None:
    functions = (details.get("grpc_options") or {}).get("grpc_servicer_functions") or ()
    if SERVICER not in functions:
        raise MeshError(
            f"Serve at {address} runs without gRPC handlers for a mesh (they are fixed when Serve starts); "
            "stop it with `serve shutdown`, and `run` starts it anew"
        )
    location = details.get("proxy_location")
    if str(getattr(location, "value", location)) != "HeadOnly":
        raise MeshError(
            f"Serve at {address} runs without direct ingress; start Ray with RAY_SERVE_THROUGHPUT_OPTIMIZED=1"
        )
