"""CPU of a mesh's processes, by the part that they play."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import psutil

DRIVER = "driver"
ENVOY = "Envoy"
CONTROLLER = "Serve controller"
REST = "rest of Ray"
RUN = "meshgen run"
NODES = "nodes"
"""Replicas of nodes that a work calls, together."""
IDLE = "idle replicas"
OTHERS = frozenset({ENVOY, CONTROLLER, REST, RUN})
"""Those that are no replicas."""
ROLES: Mapping[str, str] = {
    DRIVER: "driver",
    NODES: "nodes on the way, together",
    ENVOY: "Envoy",
    CONTROLLER: "Serve's controller",
    REST: "rest of Ray",
    IDLE: "idle replicas",
    RUN: "`meshgen run`",
}
"""What they are called in tables, in their order."""
_REPLICA = "ray::ServeReplica:"


@dataclass(frozen=True, slots=True)
class Part:
    """One process and what it is."""

    role: str
    """One of the names above, or a node's."""
    process: psutil.Process


def parts(processes: Iterable[psutil.Process], graph: str) -> tuple[Part, ...]:
    """What each process of a mesh with one graph is; those that are gone meanwhile are left out."""
    found = []
    for process in processes:
        with suppress(psutil.Error):
            found.append(Part(role(process.name(), " ".join(process.cmdline()), graph), process))
    return tuple(found)


def role(name: str, title: str, graph: str) -> str:
    """By the process's name and title, which Ray sets to what an actor is."""
    if title.startswith(_REPLICA):
        # `works:node`, `works-step_1:node`, and behind that what the actor is doing.
        application = title.removeprefix(_REPLICA).partition(":")[0]
        return DRIVER if application == graph else application.removeprefix(f"{graph}-")
    if "ServeController" in title:
        return CONTROLLER
    if name == "envoy":
        return ENVOY
    return RUN if "meshgen run" in title else REST


def seconds(found: Iterable[Part]) -> dict[str, float]:
    """CPU used so far, by role."""
    used: dict[str, float] = {}
    for part in found:
        with suppress(psutil.Error):
            times = part.process.cpu_times()
            used[part.role] = used.get(part.role, 0.0) + times.user + times.system
    return used


def threads(process: psutil.Process) -> dict[int, float]:
    """CPU used so far, by thread id."""
    return {thread.id: thread.user_time + thread.system_time for thread in process.threads()}


def between(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """What came to be between two readings."""
    return {name: used - before.get(name, 0.0) for name, used in after.items()}


def between_threads(before: Mapping[int, float], after: Mapping[int, float]) -> dict[int, float]:
    """The same of threads."""
    return {thread: used - before.get(thread, 0.0) for thread, used in after.items()}
