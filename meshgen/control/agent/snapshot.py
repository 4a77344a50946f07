"""Serve's report of its applications, reduced to what a mesh needs to know. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_REPLICA = "SERVE_REPLICA::"
_STARTUP_FAILURE = re.compile(r"failed to start|failed to initialize", re.IGNORECASE)
_FAILED = {"DEPLOY_FAILED", "UNHEALTHY"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AppStatus:
    """One Serve application: a driver or a node."""

    name: str
    status: str
    """Serve's: DEPLOYING, RUNNING, DEPLOY_FAILED…"""
    message: str
    """What Serve says about trouble, the replica's own error included; empty when there is none."""
    wanted: int
    replicas: tuple[tuple[str, int | None], ...]
    """State and pid of each replica."""
    ids: tuple[str, ...]
    """The id of each replica that takes requests, by which its socket is called."""

    @property
    def running(self) -> int:
        """The number of replicas that run."""
        return sum(state == "RUNNING" for state, _ in self.replicas)

    @property
    def start_failure(self) -> str:
        """The error with which a replica failed to start; empty when none did."""
        if self.status in _FAILED or _STARTUP_FAILURE.search(self.message):
            return self.message or f"Serve reports {self.status}"
        return ""


def parse(details: Mapping[str, Any]) -> dict[str, AppStatus]:
    """Applications by name, from Serve's report, `ServeInstanceDetails` as a mapping."""
    targets = _targets(details.get("target_groups") or ())
    return {
        name: _app(name, app, targets.get(name, ()))
        for name, app in (details.get("applications") or {}).items()
        if app["status"] != "DELETING"
    }


def _targets(groups: Any) -> dict[str, Sequence[Any]]:
    return {
        # An application without a running replica is listed with Serve's own proxy.
        group["app_name"]: [t for t in group["targets"] if t["name"].startswith(_REPLICA)]
        for group in groups
        if group["protocol"] == "gRPC"
    }


def _app(name: str, app: Mapping[str, Any], targets: Sequence[Any]) -> AppStatus:
    deployments = app["deployments"].values()
    messages = [d["message"] for d in deployments if d["message"]] or [app["message"]]
    return AppStatus(
        name=name,
        status=str(getattr(app["status"], "value", app["status"])),
        message="\n".join(m for m in messages if m),
        wanted=sum(d["target_num_replicas"] for d in deployments) or 1,
        replicas=tuple((_text(r["state"]), r.get("pid")) for d in deployments for r in d["replicas"]),
        ids=tuple(sorted(t["name"].rpartition("#")[2] for t in targets)),
    )


def _text(value: Any) -> str:
    return str(getattr(value, "value", value))
