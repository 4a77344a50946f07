"""Word of replicas, against the part of the installed Serve that gives it; no cluster."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from meshgen.rayserve.names import DEPLOYMENT
from meshgen.rayserve.watch import ReplicaWatch
from meshgen.runtime.mesh import replica

pytest.importorskip("ray.serve")
from ray.serve._private.common import DeploymentID
from ray.serve._private.controller import ServeController
from ray.serve._private.long_poll import LongPollHost, LongPollNamespace


class _Controller:
    """Its answers to `listen_for_change`, as an actor's handle gives them."""

    def __init__(self) -> None:
        self.host = LongPollHost(listen_for_change_request_timeout_s=(0.05, 0.05))
        self.asked = 0
        self.listen_for_change = SimpleNamespace(remote=self._listen)

    async def _listen(self, keys: Mapping[Any, int]) -> Any:
        self.asked += 1
        return await self.host.listen_for_change(dict(keys))

    def tell(self, application: str) -> None:
        key: Any = (LongPollNamespace.DEPLOYMENT_TARGETS, DeploymentID(name=DEPLOYMENT, app_name=application))
        self.host.notify_changed({key: "replicas"})


async def test_word_of_replicas() -> None:
    controller = _Controller()
    watch = ReplicaWatch(controller, ["x", "x-n"])
    for application in ("x", "x-n", "x-n"):
        told = asyncio.create_task(watch.changed())
        asked = controller.asked
        # Serve has nothing to say for longer than it lets anybody wait.
        while controller.asked < asked + 3:  # noqa: ASYNC110 - a counter tells nobody
            await asyncio.sleep(0.01)
        assert not told.done()
        controller.tell(application)
        await asyncio.wait_for(told, 20)


async def test_what_happened_before_is_told_at_once_and_once() -> None:
    controller = _Controller()
    controller.tell("x-n")
    watch = ReplicaWatch(controller, ["x-n", "y"])
    await asyncio.wait_for(watch.changed(), 20)
    controller.tell("of another run")
    again = asyncio.create_task(watch.changed())
    await asyncio.sleep(0.2)
    assert not again.done()
    again.cancel()


def test_the_controller_answers_for_the_deployment_that_an_application_has() -> None:
    assert inspect.iscoroutinefunction(ServeController.listen_for_change)
    assert replica.deployment(options={}, version="1")._bound_deployment.name == DEPLOYMENT
