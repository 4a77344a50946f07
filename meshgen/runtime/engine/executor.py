"""Runs a graph over a transport: each call at most once, independent branches in parallel, untaken branches not at all.

Evaluation is by demand, from the output back, by the graph's schedule.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Any, assert_never

from meshgen.codec.lazy import elements, together
from meshgen.graph.model import Route
from meshgen.graph.steps import Call, MapEach, Switch
from meshgen.runtime.call import tracing
from meshgen.runtime.call.transport import CallInfo, Transport
from meshgen.runtime.engine.policies import CallNext, intercepted
from meshgen.runtime.engine.schedule import RouteSchedule, Schedule, ScheduledStep, ScheduledValue, call_of
from meshgen.runtime.engine.switch import no_case


class Executor:
    """One graph over one transport; serves any number of requests at once."""

    def __init__(self, schedule: Schedule, transport: Transport) -> None:
        """Prepare to run the graph of `schedule`, calling its nodes over `transport`."""
        self._schedule = schedule
        self._transport = transport
        calls = ((s.step.id, s.call) for s in schedule.steps if s.call is not None)
        self._calls = {
            step: intercepted(call.policy, _spanned(schedule.graph.name, call.name, transport)) for step, call in calls
        }
        """What makes the call of each step that makes one."""

    async def run(self, route: Route, value: Any) -> Any:
        """Answer one request.

        Args:
            route: one of the graph's.
            value: the request: an instance of the record when `graph.request(route).record` is given, else a dict
                by parameter name.

        Returns:
            What the route's output yields, undecoded if the transport gave it so.

        Raises:
            StatusError: the input does not fit a switch or a path, a deadline passed, or user code said so.
            Exception: whatever else user code raised (in process). Siblings of a failed call are cancelled.
        """
        given = await self._adapted(route, value)
        return await _Request(self._schedule, self._schedule.routes[route.rpc], self._calls, given).answer()

    async def _adapted(self, route: Route, value: Any) -> Any:
        """The graph's input from the request."""
        adapter = self._schedule.adapter
        if self._schedule.graph.adapter is None:
            return value
        if adapter is not None:
            value = await self._transport.call(adapter, value)
        return value if route.input.record is not None else {p.name: value for p in route.input.params}


def _spanned(graph: str, name: str, transport: Transport) -> CallNext:
    """What makes calls over a transport, each with a span of that name."""

    async def make_call(call: CallInfo, arguments: Mapping[str, Any]) -> Any:
        with tracing.span(graph, name, "client"):
            return await transport.call(call, arguments)

    return make_call


class _Request:
    """One request while it runs."""

    def __init__(self, schedule: Schedule, route: RouteSchedule, calls: Mapping[int, CallNext], given: Any) -> None:
        self._schedule = schedule
        self._route = route
        self._calls = calls
        self._given = given
        self._results: dict[int, Any] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None
        self._tracebacks: dict[int, TracebackType | None] = {}

    async def answer(self) -> Any:
        if self._route.is_chain:
            return await self._value(self._route.output)
        try:
            async with asyncio.TaskGroup() as self._group:
                return await self._value(self._route.output)
        except BaseExceptionGroup as group:
            # The first failure is the request's; the others are siblings that it took down.
            first = group.exceptions[0]
        # Outside of the handler, so that a user's traceback does not show the group; and with the traceback of the
        # first raise, which asyncio forgets when several tasks wait for the one that failed.
        raise first.with_traceback(self._tracebacks.get(id(first), first.__traceback__))

    async def _value(self, value: ScheduledValue) -> Any:
        """Run what an expression needs and has not run yet, then read it."""
        if self._group is None:
            for step in self._schedule.missing(value.needs, self._results):
                await self._run(step)
            return value.read(self._given, self._results)
        for step in self._schedule.missing(value.needs, self._tasks):
            self._tasks[step] = self._group.create_task(self._run_when_ready(step))
        for step in value.needs:
            await self._tasks[step]
        return value.read(self._given, self._results)

    async def _run_when_ready(self, index: int) -> None:
        for step in self._schedule.steps[index].needs:
            await self._tasks[step]
        try:
            await self._run(index)
        except Exception as error:
            self._tracebacks.setdefault(id(error), error.__traceback__)
            raise

    async def _run(self, index: int) -> None:
        """Run one step; what it needs is there."""
        scheduled = self._schedule.steps[index]
        match scheduled.step:
            case Call():
                self._results[index] = await self._calls[index](call_of(scheduled), self._arguments(scheduled))
            case Switch() as step:
                self._results[index] = await self._value(self._taken(scheduled, step))
            case MapEach() as step:
                self._results[index] = await self._map(scheduled, step)
            case _:
                assert_never(scheduled.step)

    def _arguments(self, scheduled: ScheduledStep) -> dict[str, Any]:
        return {name: read(self._given, self._results) for name, read in scheduled.arguments}

    def _taken(self, scheduled: ScheduledStep, step: Switch) -> ScheduledValue:
        """The branch of a switch that the selector names."""
        assert scheduled.find is not None
        key = scheduled.inputs[0](self._given, self._results)
        place = scheduled.find(key)
        if place < 0 and step.default is None:
            raise no_case(step, key)
        return scheduled.branches[place]  # the default is the last one

    async def _map(self, scheduled: ScheduledStep, step: MapEach) -> Any:
        listed = elements(scheduled.inputs[0](self._given, self._results))
        items = enumerate(listed)
        call, make_call, others = call_of(scheduled), self._calls[step.id], self._arguments(scheduled)
        results: dict[int, Any] = {}

        async def work() -> None:
            for index, item in items:  # shared: each worker takes the next one
                results[index] = await make_call(call.for_item(index), {step.item: item, **others})

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(step.max_concurrency, len(listed))):
                    group.create_task(work())
        except BaseExceptionGroup as failed:
            first = failed.exceptions[0]
        else:
            return together([results[i] for i in range(len(listed))], list)
        raise first
