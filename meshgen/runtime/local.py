"""The in-process transport: nodes as objects of this process, calls as calls."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

from meshgen.graph.model import Graph, Method, Node
from meshgen.runtime import tracing
from meshgen.runtime.context import CURRENT
from meshgen.runtime.instance import Handle, Instance


class LocalTransport:
    """Constructs a node when it is first called, and calls it."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._instances: dict[str, Instance] = {}
        self._lock = threading.RLock()
        self.may_block: ContextVar[bool] = ContextVar("meshgen_may_block", default=False)
        """The event loop is ours and serves one request: sync code may run on its thread."""

    async def call(self, node: Node, method: Method, arguments: Mapping[str, Any], *, alone: bool) -> Any:
        """Call a node; `Transport` says more."""
        alone = alone and self.may_block.get()
        instance = self._instances.get(node.name)
        if instance is None:
            instance = self._instance(node) if alone else await asyncio.to_thread(self._instance, node)
        request = CURRENT.get(None)
        token = None if request is None else CURRENT.set(replace(request, node=node.name))
        try:
            with tracing.span(node.name, f"{node.name}.{method.rpc}", "server"):
                return await instance.call(method, arguments, alone=alone)
        finally:
            if token is not None:
                CURRENT.reset(token)

    def close(self) -> None:
        """Let the nodes' threads go."""
        for instance in self._instances.values():
            instance.close()

    def _instance(self, node: Node) -> Instance:
        """One object per node, whoever asks first. A class's constructor and `reconfigure` run as on a replica."""
        with self._lock:
            if node.name not in self._instances:
                targets = (self._graph.node(name) for name in node.may_call)
                instance = Instance(node, {t.name: Handle(t, self) for t in targets})
                if (config := node.options.serve.get("user_config")) is not None:
                    _finish(instance.reconfigure(config))
                self._instances[node.name] = instance
            return self._instances[node.name]


def _finish(step: Any) -> None:
    """Run a coroutine to its end, whether or not an event loop runs in this thread."""
    error: list[BaseException] = []

    def work() -> None:
        try:
            asyncio.run(step)
        except BaseException as e:  # noqa: BLE001 - raised again by the caller
            error.append(e)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join()
    if error:
        raise error[0]
