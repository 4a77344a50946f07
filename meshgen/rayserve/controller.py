"""Serve's controller, an actor: asked for its report, and for word of changes.

Paths in comments are relative to `ray/serve`; tests/unit/rayserve fails for each place when Ray changes it.
"""

from __future__ import annotations

from typing import Any


def running_controller() -> Any | None:
    """The controller of the connected cluster; None when Serve does not run there.

    `context.py` keeps the client of this process, and makes one where Serve runs.
    """
    from ray.serve.context import _get_global_client

    client = _get_global_client(raise_if_no_controller_running=False)
    return None if client is None else client._controller
