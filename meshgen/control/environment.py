"""The environment of a run's processes. Ray and Serve read it when they are imported, so it is set before that."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import meshgen
from meshgen import limits
from meshgen.control.layout import Layout
from meshgen.control.model import MeshError, MeshOptions
from meshgen.control.reaper import RUN_ID
from meshgen.rayserve.fork import ask
from meshgen.rayserve.loopback import LOOPBACK_CALLBACK
from meshgen.runtime.mesh import error_log
from meshgen.runtime.mesh.bulk import folder as memory_folder
from meshgen.runtime.mesh.remote import MESH_SOCKET
from meshgen.runtime.mesh.wire.pool import FOLDER

_SERVE: Mapping[str, str] = {
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    # The flag above holds back a thousand log records; a user's `print` should be there when it is looked for.
    "RAY_SERVE_REQUEST_PATH_LOG_BUFFER_SIZE": "1",
    # Each replica that stops waits this long for stragglers; Serve's default of 30 s is for cloud load balancers.
    "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "1",
    "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": LOOPBACK_CALLBACK,
}

START_WAIT = "RAY_raylet_start_wait_time_s"
"""How many seconds Ray gives its raylet to come up."""

_START: Mapping[str, str] = {
    # Ray's own is 15: whatever else the machine does goes first, and the replicas that should answer get what is left.
    "RAY_worker_niceness": "0",
    # Ray's own is 30 s for each, which a busy machine can take longer for; so is what `patient` lengthens.
    START_WAIT: "120",
    "RAY_gcs_server_port_wait_time_s": "120",
    "RAY_agent_register_timeout_ms": "120000",
    "RAY_worker_register_timeout_seconds": "120",
}

_IDLE: Mapping[str, str] = {
    # Serve looks at every replica and asks Ray about every machine in each round of its control loop; ten a second are
    # its default. What is wrong with a replica is found by health checks once a second.
    "RAY_SERVE_CONTROL_LOOP_INTERVAL_S": "0.25",
    # For Ray's dashboard and Prometheus, which a run of a mesh does not have; the first is ten times a second, too.
    "RAY_SERVE_METRICS_EXPORT_INTERVAL_MS": "10000",
    "RAY_enable_metrics_collection": "0",
    "RAY_enable_open_telemetry": "0",
    "RAY_event_stats": "0",
}
"""Settings of a cluster of our own for when nobody asks anything of it."""


def of_ray(options: MeshOptions) -> dict[str, str]:
    """What Ray and Serve read themselves, most of it when they are imported, as a graph's file may do.

    Args:
        options: of the run.
    """
    return {**_SERVE, **(_of_own_ray() if options.address is None else {})}


def _of_own_ray() -> dict[str, str]:
    values = {
        # A cluster that no other machine may join: all of Ray, too, listens on the loopback only.
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
        **_unless_chosen({**_START, **_IDLE}),
    }
    if "RAY_AUTH_MODE" not in os.environ:
        # A secret for this run only; by default Ray would write one into the home folder.
        values |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    return values


def for_replicas(
    layout: Layout, roots: Iterable[Path], max_message_mb: int, memory: Path | None = None
) -> dict[str, str]:
    """What a mesh's processes need, on a cluster of our own or on a joined one."""
    return {
        **_SERVE,
        **({memory_folder.FOLDER: str(memory)} if memory else {}),
        FOLDER: str(layout.replicas),
        MESH_SOCKET: str(layout.mesh_socket),
        error_log.VARIABLE: str(layout.errors),
        limits.VARIABLE: str(max_message_mb),
        "PYTHONPATH": python_path(layout.tree, roots),
    }


def for_every_process(run_id: str) -> dict[str, str]:
    """What marks a process as one of this run. Not for replicas on a joined cluster: they are Serve's to stop."""
    return {RUN_ID: run_id}


def for_own_cluster(run_id: str, folder: Path) -> dict[str, str]:
    """What the processes of a cluster of our own need besides.

    Args:
        run_id: of this run.
        folder: for the fork server's socket; a short path.
    """
    return {
        **for_every_process(run_id),
        ask.FOLDER: str(folder),
        # Ray writes process titles over the environment block, which the reaper reads; this keeps it whole.
        "SPT_NOENV": "1",
        **_of_own_ray(),
    }


def start_wait_s() -> float:
    """How long Ray's raylet may take to come up, in seconds. The environment has been set.

    Raises:
        MeshError: what the variable has is no number.
    """
    text = os.environ[START_WAIT]
    try:
        return float(text)
    except ValueError:
        raise MeshError(f"{START_WAIT} is {text!r}, which is no number of seconds") from None


def _unless_chosen(values: Mapping[str, str]) -> dict[str, str]:
    """Those that whoever started us has not set, to another end."""
    return {name: value for name, value in values.items() if name not in os.environ}


def apply(values: Mapping[str, str]) -> None:
    """Set the variables in this process, from which every process of the run inherits them.

    Raises:
        MeshError: Ray has been imported and would not see them: a mesh would start in half of the wanted mode.
    """
    late = sorted(n for n, value in values.items() if n.startswith("RAY_") and os.environ.get(n) != value)
    if late and "ray" in sys.modules:
        raise MeshError(f"Ray was imported before `meshgen run` could set {', '.join(late)}: who imports it so early?")
    os.environ.update(values)
    # Without cached bytecode every replica compiles Ray anew: the start takes twice as long.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def python_path(tree: Path, roots: Iterable[Path]) -> str:
    """Generated code first, then the users' projects, what was there before, and meshgen itself."""
    before = [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p]
    own = str(Path(next(iter(meshgen.__path__))).parent)
    paths = [str(tree), *(str(r) for r in roots), *before, own]
    return os.pathsep.join(dict.fromkeys(paths))
