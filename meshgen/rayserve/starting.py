"""What the command changes of Ray and Serve when it starts them, or joins them.

tests/unit/rayserve fails for each one when Ray changes it. Paths in comments are relative to `ray`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any

_POLL_S = 0.1


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


@contextmanager
def agents_at(metrics: int, metrics_export: int, dashboard: int, runtime_env: int) -> Iterator[None]:
    """A `ray.init` in this block makes a raylet that knows the ports of its agents, and so does not wait for them.

    It would give each agent 15 s to write its port into a file, and then abort ("Timed out waiting for file" in
    raylet.err). The agents are Python processes that import half of Ray: on a busy machine they take longer, and
    nothing of a mesh needs them to start. The raylet is told three of the ports (`_private/services.py:1610`), and
    reads the fourth from its file in any case (`dashboard/agent.py:236` writes it there).
    """
    from ray import _raylet
    from ray._private import services

    raylet: Any = _raylet  # compiled, and without types
    original = services.start_raylet
    chosen = {
        "metrics_agent_port": metrics,
        "metrics_export_port": metrics_export,
        "dashboard_agent_listen_port": dashboard,
        "runtime_env_agent_port": runtime_env,
    }

    def start_raylet(*args: Any, **options: Any) -> Any:
        given = signature(original).bind(*args, **options).arguments
        raylet.persist_port(given["session_dir"], given["node_id"], raylet.DASHBOARD_AGENT_LISTEN_PORT_NAME, dashboard)
        return original(*args, **{**options, **chosen})

    services.start_raylet = start_raylet
    try:
        yield
    finally:
        services.start_raylet = original


@contextmanager
def patient(seconds: float) -> Iterator[None]:
    """A `ray.init` in this block gives the raylet that long to come up, in place of 30 s.

    The 30 s are written into the code that asks for the raylet again and again (`_private/node.py:430`); what it asks
    with is looked up in its module each time, and raises RuntimeError while there is no answer.
    """
    from ray._private import services

    original: Any = services.get_node

    def get_node(*args: Any) -> Any:
        deadline = time.monotonic() + seconds
        while True:
            try:
                return original(*args)
            except RuntimeError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(_POLL_S)

    services.get_node = get_node
    try:
        yield
    finally:
        services.get_node = original


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
