"""The in-process transport: nodes as objects of this process, calls as calls."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from collections.abc import Callable, Container, Coroutine, Mapping
from contextlib import nullcontext
from contextvars import ContextVar
from dataclasses import replace
from functools import partial
from typing import Any

from meshgen.graph.model import Graph, Node
from meshgen.runtime.call import tracing
from meshgen.runtime.call.context import CURRENT, current
from meshgen.runtime.call.errors import blamed_for_request
from meshgen.runtime.call.told import as_told
from meshgen.runtime.call.transport import CallInfo, Origin, Transport
from meshgen.runtime.nodes.handles import HANDLE_CALLS, LOOP, Handle
from meshgen.runtime.nodes.instance import Instance, starts_on_loop
from meshgen.runtime.nodes.thread_pool import DaemonThreads
from meshgen.schema.check.requests import request_check

_CONSTRUCTORS_AT_ONCE = 8

_CONSTRUCTING: ContextVar[bool] = ContextVar("meshgen_constructing", default=False)
"""This code runs for a constructor."""


class ByHandle:
    """Calls that nodes make by handles: what fails is what a caller in another process would get."""

    def __init__(self, inner: LocalTransport) -> None:
        """Args: what calls the nodes."""
        self._inner = inner

    async def call(self, call: CallInfo, arguments: Mapping[str, Any]) -> Any:
        """Call a node; `Transport` says more."""
        try:
            return await self._inner.call(call, arguments)
        except Exception as error:  # noqa: BLE001 - user code's, whatever it is
            told = as_told(error, call.node.name)
        raise told


class LocalTransport:
    """Constructs a node when it is first called, and calls it."""

    def __init__(self, graph: Graph, through_layers: Callable[[Transport], Transport]) -> None:
        """Construct no node yet.

        Args:
            graph: the graph.
            through_layers: a transport with the layers over it, as handles call over them, too.
        """
        self._graph = graph
        self._through_layers = through_layers
        self._instances: dict[str, Instance] = {}
        # Constructors run one at a time, as in a script: many a library cannot be imported by two threads at once.
        # But a constructor may call another node by a handle, and that one may have to be constructed then, too.
        self._one = threading.Lock()
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self.checks = {
            (node.name, method.name): check
            for node in graph.services
            for method in node.methods
            if (check := request_check(method.params)) is not None
        }
        """What enforces the rules of arguments, by node and method."""
        self._constructors = DaemonThreads(_CONSTRUCTORS_AT_ONCE, "constructor")
        self.may_block: ContextVar[Container[Origin]] = ContextVar("meshgen_may_block", default=())
        """What may run sync code on the thread of the event loop, since nothing runs beside it: the loop is ours and
        serves one request."""

    async def call(self, call: CallInfo, arguments: Mapping[str, Any]) -> Any:
        """Call a node; `Transport` says more."""
        node, method, place = call.node, call.method, call.place
        if (check := self.checks.get((node.name, method.name))) is not None:
            with blamed_for_request(node):
                check(arguments)
        # Calls for items run beside each other, and those by handles beside the code that makes them.
        alone = place.item is None and not place.below and place.step in self.may_block.get()
        instance = self._instances.get(node.name) or await self._first(node, alone=alone)
        request = current()
        token = None if request is None else CURRENT.set(replace(request, node=node.name))
        try:
            with tracing.span(node.name, call.name, "server"):
                return await instance.invoke(call, arguments, alone=alone)
        finally:
            if token is not None:
                CURRENT.reset(token)

    def close(self) -> None:
        """Let the nodes' threads go."""
        self._constructors.close()
        for instance in self._instances.values():
            instance.close()

    async def _first(self, node: Node, *, alone: bool) -> Instance:
        """The node's object, made now; the time that it takes is not the request's."""
        request = current()
        token = LOOP.set(asyncio.get_running_loop())  # a constructor may call its handles
        try:
            with nullcontext() if request is None else request.grace.waiting():
                if alone and not node.may_call and not starts_on_loop(node):
                    return self.instance(node)
                return await self._constructors.run(partial(self.instance, node), None)  # type: ignore[no-any-return]
        finally:
            LOOP.reset(token)

    def target(self, node: Node) -> Any:
        """The user's object, made now if it is not there yet. Not for nodes that may call others."""
        return self.instance(node).target

    def instance(self, node: Node) -> Instance:
        """One object per node, whoever asks first. A class's constructor and `reconfigure` run as on a replica."""
        with nullcontext() if _CONSTRUCTING.get() else self._one, self._locks[node.name]:
            if node.name not in self._instances:
                token, caller = _CONSTRUCTING.set(True), HANDLE_CALLS.set(None)
                try:
                    self._instances[node.name] = self._construct(node)
                finally:
                    _CONSTRUCTING.reset(token)
                    HANDLE_CALLS.reset(caller)
            return self._instances[node.name]

    def _construct(self, node: Node) -> Instance:
        targets = (self._graph.node(name) for name in node.may_call)
        by_handle = self._through_layers(ByHandle(self)) if node.may_call else self
        instance = Instance(node, {t.name: Handle(t, by_handle) for t in targets})
        if starts_on_loop(node):
            _finish(instance.start())
        if (config := node.options.serve.get("user_config")) is not None:
            _finish(instance.reconfigure(config))
        return instance


def _finish(step: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine to its end: on the event loop of the calls, if this is a thread beside it."""
    loop = LOOP.get(None)
    if loop is not None and loop.is_running() and asyncio._get_running_loop() is None:
        asyncio.run_coroutine_threadsafe(step, loop).result()
        return
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
