"""What the command changes of Ray and Serve when it starts them, or joins them.

tests/unit/rayserve fails for each one when Ray changes it. Paths in comments are relative to `ray`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any


@contextmanager
def workers_started_by(script: Path) -> Iterator[None]:
    """A `ray.init` in this block makes a raylet that runs `script` for each worker.

    It gets the arguments of `_private/workers/setup_worker.py`, whose place it takes. `ray.init` looks `RayParams`
    up in its module (`_private/worker.py:1894`), and only what it leaves out is filled in (`_private/node.py:163`).
    """
    from ray._private import parameter

    original = parameter.RayParams
    parameter.RayParams = partial(original, setup_worker_path=str(script))  # type: ignore[assignment,misc]
    try:
        yield
    finally:
        parameter.RayParams = original  # type: ignore[misc]


def wait_for_no_proxy() -> None:
    """Make Serve in this process not wait for its proxies, which a mesh does not use.

    It gives them 60 s, and on a busy machine they, and with them the start, took longer: in `serve.start`
    (`serve/_private/api.py:334`) and after each deployment (`serve/_private/client.py:438`).
    """
    from ray.serve._private import api, client

    create = api._create_controller_and_proxy_refs

    def without_proxies(*args: Any, **options: Any) -> tuple[Any, list[Any]]:
        return create(*args, **options)[0], []

    api._create_controller_and_proxy_refs = without_proxies
    client.ServeControllerClient.wait_for_proxies_serving = lambda *_, **__: None  # type: ignore[method-assign]


def end_log_monitor() -> None:
    """End what reads all logs ten times a second to hand them to drivers: ours wants none (`log_to_driver=False`).

    The node of `ray.init` (`_private/worker.py`) knows the process.
    """
    from ray._private import worker

    node: Any = worker._global_node
    node.kill_log_monitor()
