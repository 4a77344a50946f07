"""The table of options against the Ray Serve that is installed."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from meshgen.graph.option_names import KEYS, option_hint
from meshgen.graph.options import OPTIONS, mesh_defaults, own_options, serve_options
from meshgen.rayserve.option_values import refused_values

SERVE_ROWS = {name: row for name, row in OPTIONS.items() if row.of_serve}


def deployment_config() -> Any:
    pytest.importorskip("ray.serve")
    from ray.serve._private.config import DeploymentConfig

    return DeploymentConfig


def test_serves_rows_are_the_options_of_the_installed_serve() -> None:
    serve = pytest.importorskip("ray.serve")
    known = set(inspect.signature(serve.deployment).parameters) - {"_func_or_class", "name"}
    assert known == SERVE_ROWS.keys()
    assert own_options("node") | own_options("driver") == OPTIONS.keys() - known


def test_the_keys_of_options_are_those_of_the_installed_serve() -> None:
    pytest.importorskip("ray.serve")
    from ray.serve.config import AutoscalingConfig

    public = {name for name in AutoscalingConfig.model_fields if not name.startswith("_")}
    assert KEYS["autoscaling_config"] == public
    refused = {path for _, path, _ in refused_values({"ray_actor_options": dict.fromkeys(KEYS["ray_actor_options"])})}
    assert refused == set()
    assert [path for _, path, _ in refused_values({"ray_actor_options": {"object_store_memory": 1}})]


def test_serve_says_itself_which_values_it_refuses() -> None:
    pytest.importorskip("ray.serve")
    options = {
        "autoscaling_config": {"min_replicas": 3, "max_replicas": 1},
        "ray_actor_options": {"num_cpus": -1},
        "placement_group_bundles": [{"CPU": 1}],
    }
    refused = {name: (path, reason) for name, path, reason in refused_values(options)}
    assert refused.keys() == {"autoscaling_config", "ray_actor_options"}
    assert refused["ray_actor_options"] == (("num_cpus",), "The quantity of resource num_cpus cannot be negative")
    assert [*refused_values({})] == []


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("max_concurrent_queries", "It is called `max_ongoing_requests` now."),
        ("num_gpus", 'Write `ray_actor_options={"num_gpus": 1}`.'),
        ("max_replicas", 'Write `autoscaling_config={"max_replicas": 1}`.'),
        ("init_args", "Give the constructor's arguments to `.bind(...)`."),
        ("num_replcas", "Did you mean `num_replicas`?"),
        ("colour", ""),
    ],
)
def test_what_to_write_instead(name: str, hint: str) -> None:
    assert option_hint(name, 1, serve_options("node")) == hint


def test_serve_changes_those_in_place_that_the_table_says() -> None:
    from ray.serve._private.utils import DeploymentOptionUpdateType

    fields = deployment_config().model_fields
    weights = {name: (fields[name].json_schema_extra or {}).get("update_type") for name in SERVE_ROWS if name in fields}
    assert None not in weights.values()
    light = {name for name, weight in weights.items() if weight is not DeploymentOptionUpdateType.HeavyWeight}
    assert {name for name, row in OPTIONS.items() if row.in_place} == light


def test_what_serve_starts_anew_for_is_no_option_in_place() -> None:
    version = pytest.importorskip("ray.serve._private.version").DeploymentVersion
    parameters = set(inspect.signature(version.__init__).parameters)
    anew = {"ray_actor_options", "placement_group_bundles", "placement_group_strategy", "max_replicas_per_node"}
    assert anew <= parameters
    assert not any(OPTIONS[name].in_place for name in anew)


def test_a_config_file_has_a_place_for_those_that_the_table_says() -> None:
    schema = pytest.importorskip("ray.serve.schema").DeploymentSchema
    assert {name for name, row in SERVE_ROWS.items() if row.in_config and row.holders} == (
        SERVE_ROWS.keys() & schema.model_fields.keys()
    )


def test_serves_defaults_are_those_of_the_installed_serve() -> None:
    fields = deployment_config().model_fields
    for name, row in SERVE_ROWS.items():
        if row.serve_default is not None:
            assert fields[name].default == row.serve_default


def test_every_default_of_a_mesh_is_a_value_that_its_option_takes() -> None:
    for place in ("driver", "node"):
        for name, value in mesh_defaults(place).items():  # type: ignore[arg-type]
            row = OPTIONS[name]
            assert place in row.holders
            assert row.takes is None or row.takes.fit(value)


def test_guests_keep_what_their_host_can_give_them() -> None:
    assert serve_options("guest") == {"max_ongoing_requests", "user_config"}
    assert serve_options("inline") == set()
    assert serve_options("node") == serve_options("driver") == SERVE_ROWS.keys() - {"version"}


def test_a_driver_has_a_prefix_and_no_placement() -> None:
    assert own_options("driver") == {"name", "route_prefix", "timeout_s"}
    assert own_options("node") == own_options("inline") == {"idempotent", "name", "placement", "timeout_s"}


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("num_replicas", (None, 1, "auto"), (0, True, 1.5, "2")),
        ("max_queued_requests", (-1, 1, None), (0, -2, "1")),
        ("health_check_period_s", (0, 0.5, 2), (-1, True, "1")),
        ("timeout_s", (None, 0.1, 3), (0, -1, "1")),
        ("idempotent", (True, False), (None, 1, "no")),
    ],
)
def test_values(name: str, good: tuple[object, ...], bad: tuple[object, ...]) -> None:
    takes = OPTIONS[name].takes
    assert takes is not None
    assert all(map(takes.fit, good))
    assert not any(map(takes.fit, bad))
