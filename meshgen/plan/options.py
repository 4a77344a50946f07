"""The options of a Serve deployment as a mesh starts it: what the user said, over the defaults of a mesh."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshgen.graph.model import Options
from meshgen.graph.options import OPTIONS, mesh_defaults


def deployment_options(options: Options, *, driver: bool = False) -> Mapping[str, Any]:
    """A user's options of Serve over the defaults of a mesh, sorted by name."""
    given = dict(options.serve)
    defaults = mesh_defaults("driver" if driver else "node")
    merged = {**defaults, **given}
    if given.get("autoscaling_config") is not None and "num_replicas" not in given:
        del merged["num_replicas"]  # Serve refuses a number beside a range
    logging = given.get("logging_config", {})
    if isinstance(logging, Mapping):
        merged["logging_config"] = {**defaults["logging_config"], **logging}
    return dict(sorted(merged.items()))


def config_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that a Serve config file has a place for; the module of the service sets the others."""
    return {name: value for name, value in options.items() if OPTIONS[name].in_config}
