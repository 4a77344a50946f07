"""Ray Serve's options of a deployment: which exist, which are ours to set, and what a mesh sets when nobody says.

The names are those of `@serve.deployment` in the pinned Ray; a test compares them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from meshgen.graph.model import Options
from meshgen.limits import DEFAULT_TIMEOUT_S

SERVE_OPTIONS = frozenset(
    {
        "autoscaling_config",
        "backpressure_config",
        "deployment_actors",
        "gang_scheduling_config",
        "graceful_shutdown_timeout_s",
        "graceful_shutdown_wait_loop_s",
        "health_check_period_s",
        "health_check_timeout_s",
        "logging_config",
        "max_constructor_retry_count",
        "max_ongoing_requests",
        "max_queued_requests",
        "max_replicas_per_node",
        "max_surge_percent",
        "num_replicas",
        "placement_group_bundle_label_selector",
        "placement_group_bundles",
        "placement_group_strategy",
        "ray_actor_options",
        "request_router_config",
        "rolling_update_percentage",
        "user_config",
    }
)
OWN_OPTIONS = frozenset({"idempotent", "name", "placement", "timeout_s"})
"""Options that are meshgen's; the front end takes them out."""
MANAGED_OPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "version": "it follows from the code and the contract",
        "route_prefix": "only the driver has one: `DAGDriver.options(route_prefix=...)`",
    }
)
"""Options of Serve that a person may not set, and why."""

MESH_DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {
        "num_replicas": 1,
        # Over this a replica queues; over the queue callers get RESOURCE_EXHAUSTED at once instead of waiting in vain.
        "max_queued_requests": 100,
        # A lost replica is only found by the next check.
        "health_check_period_s": 1.0,
        "health_check_timeout_s": 10.0,
        # A replica that leaves may finish what it has begun.
        "graceful_shutdown_timeout_s": DEFAULT_TIMEOUT_S,
        "graceful_shutdown_wait_loop_s": 1.0,
        # The new replica is there before the old one goes.
        "max_surge_percent": 100,
        "logging_config": {"enable_access_log": False},
    }
)
DRIVER_DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {
        # A driver mostly waits for nodes; Serve's five would starve them.
        "max_ongoing_requests": 100,
        "max_queued_requests": 1000,
    }
)


def serve_options(options: Options, *, driver: bool = False) -> Mapping[str, Any]:
    """A user's options over the defaults of a mesh, by name."""
    given = dict(options.serve)
    merged = {**MESH_DEFAULTS, **(DRIVER_DEFAULTS if driver else {}), **given}
    if given.get("autoscaling_config") is not None and "num_replicas" not in given:
        del merged["num_replicas"]  # Serve refuses a number beside a range
    if isinstance(logging := given.get("logging_config"), Mapping):
        merged["logging_config"] = {**MESH_DEFAULTS["logging_config"], **logging}
    return dict(sorted(merged.items()))
