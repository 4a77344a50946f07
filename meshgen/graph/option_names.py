"""Names that are no options here: what they are called now, or where they belong. And the keys of options with keys.

The keys are those of the pinned Ray Serve; a test compares them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshgen.errors import near_match_hint, shown

KEYS: Mapping[str, frozenset[str]] = {
    "autoscaling_config": frozenset(
        {
            "aggregation_function",
            "downscale_delay_s",
            "downscale_smoothing_factor",
            "downscale_to_zero_delay_s",
            "downscaling_factor",
            "initial_replicas",
            "look_back_period_s",
            "max_replicas",
            "metrics_interval_s",
            "min_replicas",
            "policy",
            "smoothing_factor",
            "target_ongoing_requests",
            "upscale_delay_s",
            "upscale_smoothing_factor",
            "upscaling_factor",
        }
    ),
    "ray_actor_options": frozenset(
        {
            "accelerator_type",
            "fallback_strategy",
            "label_selector",
            "memory",
            "num_cpus",
            "num_gpus",
            "resources",
            "runtime_env",
        }
    ),
}
"""Serve drops a key of `autoscaling_config` that it does not know without a word."""

_RENAMED = {
    "max_concurrent_queries": "max_ongoing_requests",
    "target_num_ongoing_requests_per_replica": "target_ongoing_requests",
    "target_num_ongoing_requests": "target_ongoing_requests",
    "CPU": "num_cpus",
    "GPU": "num_gpus",
}
_MOVED = {
    "init_args": "Give the constructor's arguments to `.bind(...)`.",
    "init_kwargs": "Give the constructor's arguments to `.bind(...)`.",
    "http_adapter": "Write `DAGDriver.bind(graph, input_adapter=...)`.",
    "input_adapter": "Write `DAGDriver.bind(graph, input_adapter=...)`.",
    "is_driver_deployment": "Leave it out: every graph has one driver.",
    "prev_version": "Leave it out: versions follow from the code.",
}


def known_keys(option: str, value: Any) -> Any:
    """The value of an option without the keys that it does not have."""
    known = KEYS.get(option)
    return {k: v for k, v in value.items() if k in known} if known and isinstance(value, Mapping) else value


def option_hint(name: str, value: Any, known: frozenset[str]) -> str:
    """What to write instead of an option that does not exist; empty when nobody knows."""
    if name in _MOVED:
        return _MOVED[name]
    if (renamed := _RENAMED.get(name)) in known:
        return f"It is called `{renamed}` now."
    for option, keys in KEYS.items():
        if name in keys or renamed in keys:
            return f'Write `{option}={{"{renamed or name}": {shown(value)}}}`.'
    return near_match_hint(name, sorted(known))


def key_hint(option: str, key: object) -> str:
    """What to write instead of a key that an option does not have."""
    if (renamed := _RENAMED.get(str(key))) in KEYS[option]:
        return f"It is called `{renamed}` now."
    for other, keys in KEYS.items():
        if key in keys and other != option:
            return f"It belongs into `{other}`."
    return near_match_hint(str(key), sorted(KEYS[option]), f"It takes: {', '.join(sorted(KEYS[option]))}.")
