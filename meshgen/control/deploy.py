"""From generated `service.py` modules to running Serve applications, with the progress of each."""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meshgen.control.agent.snapshot import AppStatus
from meshgen.control.cluster import Application
from meshgen.control.model import NodeEvent, NodeState, StartError, Target
from meshgen.control.traceback_text import user_error
from meshgen.plan.model import Workload
from meshgen.rayserve.deployment import version_of
from meshgen.rayserve.names import service_module
from meshgen.tracebacks import kind_and_text

_SERVES_AUTO_MAXIMUM = 100
ROOM_FOR_EDITS = 64
"""Logical CPUs for what edits may add to a run; they are nothing but a count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """A workload and the graph that it belongs to."""

    graph: str
    workload: Workload

    @property
    def label(self) -> str:
        """How a person knows it."""
        return f"node '{self.workload.node}' of '{self.graph}'" if self.workload.node else f"driver of '{self.graph}'"

    @property
    def module(self) -> str:
        """The generated module."""
        return service_module(self.graph, self.workload.node)


def deployed(targets: Sequence[Target]) -> tuple[Deployed, ...]:
    """All workloads of all graphs, drivers first within each."""
    return tuple(Deployed(graph=t.mesh.graph, workload=w) for t in targets for w in t.mesh.workloads)


def cpus(workloads: Sequence[Deployed], *, surge: bool = False) -> int:
    """Logical CPUs that all replicas ask for; with `surge`, room for one more of each during an update."""
    return math.ceil(sum(_cpus(d.workload.serve, spare=int(surge)) for d in workloads))


def _cpus(serve: Mapping[str, Any], spare: int) -> float:
    autoscaling = serve.get("autoscaling_config")
    replicas = serve.get("num_replicas") or 1
    if isinstance(autoscaling, Mapping):
        replicas = autoscaling.get("max_replicas", 1)
    elif replicas == "auto":
        replicas = _SERVES_AUTO_MAXIMUM
    each = float((serve.get("ray_actor_options") or {}).get("num_cpus", 1))
    return (int(replicas) + spare) * each


def applications(tree: Path, roots: Sequence[Path], workloads: Sequence[Deployed]) -> list[Application]:
    """Import the generated services. Raises StartError that names the node whose service cannot be imported."""
    # Replicas have the same order on their PYTHONPATH.
    for path in reversed([tree, *roots]):
        if str(path) not in sys.path:
            sys.path.insert(0, str(path))
    importlib.invalidate_caches()
    targets = [(d.workload.application, _imported(d)) for d in workloads]
    return [Application(name=name, target=target, version=version_of(target)) for name, target in targets]


def _imported(deployed: Deployed) -> Any:
    try:
        return importlib.import_module(deployed.module).app
    except Exception as error:
        raise StartError(deployed.label, kind_and_text(error)) from error


class Progress:
    """Turns snapshots into events, each told once, and a failed start into an error."""

    def __init__(self, workloads: Sequence[Deployed], tell: Callable[[NodeEvent], None]) -> None:
        """Args: what was deployed, and who wants to know."""
        self._workloads = workloads
        self._tell = tell
        self._told: dict[str, NodeEvent] = {}
        for one in workloads:
            self._say(one, "queued")

    def update(self, snapshot: Mapping[str, AppStatus]) -> None:
        """Tell what changed. Raises StartError for the first workload with a replica that failed to start."""
        for one in self._workloads:
            app = snapshot.get(one.workload.application)
            if app is None:
                continue
            if failure := app.start_failure:
                text = user_error(failure)
                self._say(one, "failed", app, text)
                # At once: Serve tries three times per replica, but a constructor that raised will raise again.
                raise StartError(one.label, text)
            self._say(one, _state(app), app)

    def pending(self) -> tuple[str, ...]:
        """The workloads that do not run yet, as a person knows them."""
        return tuple(w.label for w in self._workloads if self._told[w.workload.application].state != "running")

    def _say(self, one: Deployed, state: NodeState, app: AppStatus | None = None, message: str = "") -> None:
        event = NodeEvent(
            graph=one.graph,
            node=one.workload.node,
            state=state,
            running=app.running if app else 0,
            wanted=app.wanted if app else 1,
            message=message,
        )
        if self._told.get(one.workload.application) != event:
            self._told[one.workload.application] = event
            self._tell(event)


def _state(app: AppStatus) -> NodeState:
    if app.running >= app.wanted and app.ids and app.status == "RUNNING":
        return "running"
    return "starting" if app.replicas else "queued"
