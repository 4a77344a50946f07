"""Deployments with a version of our own.

Paths in comments are relative to `ray/serve`; tests/unit/rayserve fails for each place when Ray changes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ray.serve import Application, Deployment


def with_version(deployment: Deployment, version: str) -> Deployment:
    """The deployment with a version of our own: the same version restarts nothing, a new one is a rolling update.

    `serve.run` makes up a random version each time (`_private/client.py:367`) and so restarts everything; `version` was
    taken out of the public API, but is still there behind `_internal=True` (`deployment.py:329`).
    """
    return deployment.options(version=version, _internal=True)


def version_of(application: Application) -> str:
    """The version of an application's one deployment (`deployment.py`, which the application holds as it was bound)."""
    return str(application._bound_deployment.version)
