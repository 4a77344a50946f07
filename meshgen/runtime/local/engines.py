"""The two engines that can run a route in process, and the choice between them: it is made here, and only here."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Sequence
from functools import partial
from typing import Any, Literal, TypeAlias

from meshgen.errors import MeshgenError
from meshgen.graph.model import Node, Route
from meshgen.runtime.call import tracing
from meshgen.runtime.call.context import CURRENT, RequestContext
from meshgen.runtime.call.deadline import in_time
from meshgen.runtime.call.errors import UserCode
from meshgen.runtime.call.transport import Transport
from meshgen.runtime.engine.compiled.codegen import route_code
from meshgen.runtime.engine.compiled.route import CompiledRoute, Wait
from meshgen.runtime.engine.executor import Executor
from meshgen.runtime.engine.schedule import RouteSchedule, Schedule
from meshgen.runtime.local.event_loops import EventLoops
from meshgen.runtime.local.layers import Layer
from meshgen.runtime.local.transport import LocalTransport
from meshgen.runtime.nodes.timing import noting

Engine: TypeAlias = Literal["auto", "executor", "compiled"]
"""Which engine runs a graph; `auto` takes the one that suits each request."""


class RunningGraph:
    """A graph that is set up to run in process: what all its routes share."""

    def __init__(self, schedule: Schedule, layers: Sequence[Layer]) -> None:
        """Construct no node yet."""
        self.schedule = schedule
        self.layers = tuple(layers)
        self.loops = EventLoops()
        through_layers = partial(_through, self.layers)
        self.nodes = LocalTransport(schedule.graph, through_layers)
        self.executor = Executor(schedule, through_layers(self.nodes))


def _through(layers: Sequence[Layer], transport: Transport) -> Transport:
    for layer in reversed(layers):
        transport = layer.transport(transport)
    return transport


class ExecutorRoute:
    """A route on the executor; each request runs on an event loop."""

    def __init__(self, running: RunningGraph, route: RouteSchedule) -> None:
        """Args: what the routes of the graph share; one of its routes."""
        self._running = running
        self._route = route

    def run(self, value: Any, seconds: float) -> Any:
        """Answer one request, in sync code, on the event loop of its thread."""
        return self._running.loops.run(self.answer(value, seconds, may_block=True))

    async def answer(self, value: Any, seconds: float, *, may_block: bool) -> Any:
        """Answer one request.

        Args:
            value: the request.
            seconds: until its deadline.
            may_block: the event loop serves this request alone, so that sync code may run on its thread.
        """
        graph, route, nodes = self._running.schedule.graph, self._route.route, self._running.nodes
        parent = dict(tracing.outgoing())  # it continues the trace that is current where it is made
        with tracing.span(graph.name, f"{graph.name}.{route.rpc}", "server", parent=parent) as span:
            request = RequestContext(
                graph=graph.name,
                route=route.path,
                metadata=parent,
                deadline=time.monotonic() + seconds,
                trace_id=tracing.trace_id(),
            )
            token = CURRENT.set(request)
            blocking = nodes.may_block.set(self._route.alone if may_block else ())
            try:
                return await self._through_layers(route, value)
            except BaseException as error:
                span.fail(error)
                raise
            finally:
                nodes.may_block.reset(blocking)
                CURRENT.reset(token)

    async def _through_layers(self, route: Route, value: Any) -> Any:
        for layer in self._running.layers:
            value = layer.request(route, value)
        value = await self._running.executor.run(route, value)
        for layer in reversed(self._running.layers):
            value = layer.response(route, value)
        return value


class Engines:
    """The engines of one route."""

    def __init__(self, running: RunningGraph, route: RouteSchedule, engine: Engine) -> None:
        """Compile the route, if that may be of use.

        Raises:
            MeshgenError: the engine shall be `compiled`, and the route cannot be.
        """
        self.executor = ExecutorRoute(running, route)
        self.compiled = None if engine == "executor" else compiled_route(running, route)
        self._is_asked_for = engine == "compiled"
        if self._is_asked_for and self.compiled is None:
            raise MeshgenError(f"the route {route.route.path} cannot be compiled")

    def run(self, value: Any, seconds: float) -> Any:
        """Answer one request, in sync code, by the engine that suits.

        Args:
            value: the request.
            seconds: until its deadline.
        """
        if asyncio._get_running_loop() is not None:
            message = "an event loop runs here; write `await graph.call(...)`"
            raise RuntimeError(message)
        compiled = self.compiled
        if compiled is None:
            return self.executor.run(value, seconds)
        if self._is_asked_for:
            return compiled.run(value, seconds)
        # Compiled code sends no spans, and each result that it has to await starts and stops an event loop.
        if compiled.awaits or tracing.recording():
            return self.executor.run(value, seconds)
        times = compiled.times
        if times is None or times.short:
            return compiled.run(value, seconds)
        with noting() as spent:
            answer = self.executor.run(value, seconds)
        times.ran_in_threads(spent)
        return answer


def compiled_route(running: RunningGraph, route: RouteSchedule) -> CompiledRoute | None:
    """A route as one function; None when it is not for that."""
    if running.layers:
        return None
    code = route_code(running.schedule, route, running.nodes.checks)
    if code is None:
        return None
    graph = running.schedule.graph
    return CompiledRoute(graph.name, route.route.path, code, running.nodes, _waiter(running.loops))


def _waiter(loops: EventLoops) -> Wait:
    """What waits, in sync code, for a result that has to be awaited."""

    def wait(node: Node, work: Awaitable[Any], limit: float) -> Any:
        return loops.run(_awaited(node, work, limit))

    return wait


async def _awaited(node: Node, work: Awaitable[Any], limit: float) -> Any:
    with UserCode(node):
        return await in_time(node.name, work, limit)
