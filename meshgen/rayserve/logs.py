"""Where replicas log.

Paths in comments are relative to `ray/serve`; tests/unit/rayserve fails for each place when Ray changes it.
"""

from __future__ import annotations

from pathlib import Path

LOGGER = "ray.serve"
"""Serve's logger in a replica: what goes there is in the replica's log file."""


def logs_folder() -> Path:
    """Where the replicas of the connected cluster log, on this machine (`_private/logging_utils.py:69`)."""
    from ray.serve._private.logging_utils import get_serve_logs_dir

    return Path(get_serve_logs_dir())
