"""Every option of nodes and of the driver: one row says whose it is, where it may stand, and what it takes.

The rows that are Ray Serve's follow `@serve.deployment` of the pinned Ray; a test compares them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from meshgen.limits import DEFAULT_TIMEOUT_S

Holder: TypeAlias = Literal["driver", "node", "guest", "inline"]
"""Who has options: the driver, a node with replicas of its own, one in another's replicas, an inline function."""

_Number: TypeAlias = type[int] | type[float]


@dataclass(frozen=True, slots=True)
class Values:
    """What values an option takes."""

    words: str
    """`a number from 1`."""
    fit: Callable[[Any], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option. Its own name in Serve is its name here."""

    name: str
    of_serve: bool
    """Serve has it; else it is meshgen's."""
    holders: frozenset[Holder]
    """Where it may stand."""
    refusal: str = ""
    """Why it cannot stand elsewhere; empty when nobody would expect it there."""
    takes: Values | None = None
    """None leaves it to Serve to look at the value."""
    in_place: bool = False
    """Serve gives a new value to the replicas that run; else it starts others."""
    in_config: bool = True
    """A Serve config file has a place for it; else only the decorator has."""
    serve_default: Any = None
    """What Serve takes when nobody says, where that matters here."""
    mesh_default: Any = None
    """What a mesh sets when nobody says; None leaves it to Serve."""
    driver_default: Any = None
    """The same for the driver, if it differs."""


def is_number(value: Any, lowest: float, kind: _Number) -> bool:
    """Whether a value is a number of this kind from `lowest` on; a whole number is also a float, a bool is neither."""
    number = isinstance(value, int) or (kind is float and isinstance(value, float))
    return number and not isinstance(value, bool) and value >= lowest


def _numbers(lowest: int, kind: _Number) -> Values:
    return Values(f"a number from {lowest}", lambda value: value is None or is_number(value, lowest, kind))


_REPLICAS = Values('a number from 1, or "auto"', lambda v: v is None or v == "auto" or is_number(v, 1, int))
_QUEUE = Values("a number from 1, or -1 for no bound", lambda v: v is None or (is_number(v, -1, int) and v != 0))
_SECONDS = Values("seconds above 0", lambda v: v is None or (is_number(v, 0, float) and v > 0))
_YES_OR_NO = Values("True or False", lambda v: isinstance(v, bool))

_ANYWHERE = frozenset[Holder]({"driver", "node", "guest", "inline"})
_NODES = _ANYWHERE - {"driver"}
_REPLICATED = frozenset[Holder]({"driver", "node"})


def _serve(name: str, **facts: Any) -> Option:
    return Option(**{"name": name, "of_serve": True, "holders": _REPLICATED, **facts})


def _own(name: str, holders: frozenset[Holder], **facts: Any) -> Option:
    return Option(name=name, of_serve=False, holders=holders, **facts)


_ROWS = (
    _own("name", _ANYWHERE),
    _own("timeout_s", _ANYWHERE, takes=_SECONDS),
    _own("idempotent", _NODES, takes=_YES_OR_NO),
    _own("placement", _NODES),
    _own(
        "route_prefix",
        frozenset({"driver"}),
        refusal="only the driver has one: `DAGDriver.options(route_prefix=...)`",
    ),
    _serve("version", holders=frozenset(), refusal="it follows from the code and the contract"),
    _serve("num_replicas", takes=_REPLICAS, in_place=True, mesh_default=1),
    _serve("autoscaling_config", in_place=True),
    _serve(
        "max_ongoing_requests",
        holders=_REPLICATED | {"guest"},
        takes=_numbers(1, int),
        in_place=True,
        serve_default=5,
        driver_default=100,  # a driver mostly waits for nodes; Serve's five would starve them
    ),
    _serve(
        "max_queued_requests",
        takes=_QUEUE,
        in_place=True,
        # Over `max_ongoing_requests` a replica queues; over the queue callers get RESOURCE_EXHAUSTED at once instead
        # of waiting in vain.
        mesh_default=100,
        driver_default=1000,
    ),
    _serve("backpressure_config", in_place=True),
    _serve("user_config", holders=_REPLICATED | {"guest"}, in_place=True),
    # A lost replica is only found by the next check.
    _serve("health_check_period_s", takes=_numbers(0, float), in_place=True, mesh_default=1.0),
    _serve("health_check_timeout_s", takes=_numbers(0, float), in_place=True, mesh_default=10.0),
    # A replica that leaves may finish what it has begun.
    _serve("graceful_shutdown_timeout_s", takes=_numbers(0, float), in_place=True, mesh_default=DEFAULT_TIMEOUT_S),
    _serve("graceful_shutdown_wait_loop_s", takes=_numbers(0, float), in_place=True, mesh_default=1.0),
    # The new replica is there before the old one goes.
    _serve("max_surge_percent", takes=_numbers(0, int), in_place=True, mesh_default=100),
    _serve("rolling_update_percentage", in_place=True),
    _serve("max_constructor_retry_count", takes=_numbers(1, int), in_place=True, in_config=False),
    _serve("logging_config", in_place=True, mesh_default=MappingProxyType({"enable_access_log": False})),
    _serve("request_router_config", in_place=True),
    _serve("ray_actor_options"),
    _serve("max_replicas_per_node"),
    _serve("placement_group_bundles"),
    _serve("placement_group_strategy"),
    _serve("placement_group_bundle_label_selector"),
    _serve("gang_scheduling_config"),
    _serve("deployment_actors"),
)

OPTIONS: Mapping[str, Option] = MappingProxyType({row.name: row for row in _ROWS})
"""The table, by name."""


def own_options(holder: Holder) -> frozenset[str]:
    """The options of meshgen that may stand there."""
    return frozenset(name for name, row in OPTIONS.items() if not row.of_serve and holder in row.holders)


def serve_options(holder: Holder) -> frozenset[str]:
    """The options of Serve that may stand there."""
    return frozenset(name for name, row in OPTIONS.items() if row.of_serve and holder in row.holders)


def mesh_defaults(holder: Literal["driver", "node"]) -> dict[str, Any]:
    """What a mesh sets when nobody says, by name."""
    rows = ((row, row.driver_default if holder == "driver" else None) for row in OPTIONS.values())
    found = {row.name: row.mesh_default if special is None else special for row, special in rows}
    return {name: value for name, value in found.items() if value is not None}
