"""A graph as plain calls in this process: no Ray, no gRPC, no Envoy.

Joins the frontend (which reads graphs) and the runtime (which runs them); neither knows the other.
"""

from __future__ import annotations

import asyncio
import threading
import time
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextvars import copy_context
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from meshgen.errors import GraphError
from meshgen.frontend import Application, trace
from meshgen.graph.model import Graph, Node, Route
from meshgen.limits import DEFAULT_TIMEOUT_S
from meshgen.naming import snake
from meshgen.runtime.call import tracing
from meshgen.runtime.call.context import CURRENT, RequestContext
from meshgen.runtime.call.deadline import in_time
from meshgen.runtime.call.errors import UserCode
from meshgen.runtime.call.result_errors import unfit_answer
from meshgen.runtime.call.transport import Transport
from meshgen.runtime.engine.compiled.codegen import compiled
from meshgen.runtime.engine.compiled.route import StraightRoute, Wait
from meshgen.runtime.engine.executor import Executor
from meshgen.runtime.local.binding import Arguments
from meshgen.runtime.local.transport import LocalTransport
from meshgen.runtime.nodes.timing import noting
from meshgen.schema.check.requests import request_check
from meshgen.schema.convert.json_value import from_json, to_json
from meshgen.schema.misfit import EncodeError
from meshgen.status import NotFound


def local(app: Application) -> LocalGraph:
    """Run a graph in this process.

    Args:
        app: what `DAGDriver.bind(...)` returned.

    Raises:
        GraphError: the graph has problems; all of them are in it.
    """
    traced = trace(app, name=snake(Path(app.span.file).stem) or "graph")
    if traced.graph is None:
        raise GraphError(traced.diagnostics)
    return LocalGraph(traced.graph)


class Wire(Protocol):
    """What lies between the parts of a graph; nothing, unless somebody wants to see what a mesh would do."""

    def request(self, route: Route, value: Any) -> Any:
        """A request as it arrives."""

    def response(self, route: Route, value: Any) -> Any:
        """An answer as it arrives."""

    def transport(self, inner: Transport) -> Transport:
        """Calls as they arrive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """A route, ready to be called."""

    route: Route
    arguments: Arguments
    check: Callable[[Any], None] | None
    """Of the request's rules."""
    straight: StraightRoute | None


class LocalGraph:
    """A graph that is called like a function. Nodes are constructed when they are first needed, once."""

    def __init__(self, graph: Graph, wire: Wire | None = None) -> None:
        self.graph = graph
        self._wire = wire
        self._transport = LocalTransport(graph)
        self._runners = threading.local()
        self._executor = Executor(graph, wire.transport(self._transport) if wire else self._transport)
        self._limit = graph.options.timeout_s or DEFAULT_TIMEOUT_S
        self._entries: dict[str | None, _Entry] = {}

    def __call__(self, *args: Any, route: str | None = None, timeout_s: float | None = None, **kwargs: Any) -> Any:
        """Answer one request, in sync code.

        Args:
            *args: the request: the one record, or the input's parts in order.
            route: path of the route; may be left out when there is one.
            timeout_s: deadline in seconds; 60 when left out.
            **kwargs: parts of the request by name.

        Raises:
            NotFound: there is no such route.
            RuntimeError: called where an event loop runs; use `await graph.call(...)` there.
            Exception: what user code raised, unchanged, with a note that names the node.
        """
        entry = self._entries.get(route) or self._entry(route)
        value = entry.arguments.bound(args, kwargs)
        if entry.check is not None:
            entry.check(value)
        return self._sync(entry, value, timeout_s)

    async def call(self, *args: Any, route: str | None = None, timeout_s: float | None = None, **kwargs: Any) -> Any:
        """The same as calling the graph, in async code. Sync nodes run in threads."""
        entry = self._entries.get(route) or self._entry(route)
        value = entry.arguments.bound(args, kwargs)
        if entry.check is not None:
            entry.check(value)
        return await self._answer(entry.route, value, timeout_s, may_block=False)

    def call_json(
        self,
        value: Any,
        *,
        route: str | None = None,
        timeout_s: float | None = None,
        unknown_key: Callable[[str], None] | None = None,
    ) -> Any:
        """Answer a request given as JSON (what `json.loads` returns), with the answer as JSON.

        Args:
            value: the request, in the shape of the contract.
            route: as for a call.
            timeout_s: as for a call.
            unknown_key: called with the path of each field that the contract does not know; the mesh ignores them.

        Raises:
            InvalidArgument: the JSON does not fit the contract; `violations` names each field.
            Internal: the answer does not fit its annotation, or has none and is nothing that JSON can hold.
        """
        entry = self._entries.get(route) or self._entry(route)
        request = self.graph.request(entry.route)
        given = from_json(request.record or request.params, value, unknown_key=unknown_key)
        if entry.check is not None:
            entry.check(given)
        answer = self._sync(entry, given, timeout_s)
        try:
            return to_json(entry.route.result, answer)
        except EncodeError as error:
            raise unfit_answer(self.graph, entry.route, answer, error) from None

    def route(self, path: str | None) -> Route:
        """The route of that path, or the only one.

        Raises:
            NotFound: there is none, or the path is left out although there are several.
        """
        routes = self.graph.routes
        if path is None and len(routes) == 1:
            return routes[0]
        wanted = "/" + (path or "").strip("/")
        for route in routes:
            if route.path == wanted:
                return route
        known = ", ".join(r.path for r in routes)
        what = f"no route {path!r}" if path is not None else "several routes; name one"
        message = f"graph '{self.graph.name}' has {what} (it has: {known})"
        raise NotFound(message)

    def close(self) -> None:
        """Let the nodes' threads go, and end what async nodes left running on the loop of this thread."""
        self._transport.close()
        if hasattr(self._runners, "runner"):
            self._runners.runner.close()
            del self._runners.runner

    def _entry(self, path: str | None) -> _Entry:
        """What a route needs, made when it is first called."""
        route = self.route(path)
        entry = self._entries.get(route.path)
        if entry is None:
            request = self.graph.request(route)
            entry = _Entry(
                route=route,
                arguments=Arguments(request),
                check=request_check(request.params, request.record),
                straight=self._straight(route),
            )
            self._entries[route.path] = self._entries[route.path.strip("/")] = entry
            if len(self.graph.routes) == 1:
                self._entries[None] = entry
        return entry

    def _straight(self, route: Route) -> StraightRoute | None:
        if self._wire is not None:
            return None
        found = compiled(
            self.graph, route, self._executor.adapter, self._transport.checks, self._executor.serial(route)
        )
        if found is None:
            return None
        return StraightRoute(self.graph.name, route.path, found, self._transport, _waiter(self))

    def _sync(self, entry: _Entry, value: Any, timeout_s: float | None) -> Any:
        """Straight, if that will do; else by the executor, on an event loop."""
        if asyncio._get_running_loop() is not None:
            message = "an event loop runs here; write `await graph.call(...)`"
            raise RuntimeError(message)
        straight = entry.straight
        if straight is None or straight.awaits or tracing.recording():
            return self._run(self._answer(entry.route, value, timeout_s, may_block=True))
        pace = straight.pace
        if pace is None or pace.short:
            return straight.run(value, self._limit if timeout_s is None else timeout_s)
        with noting() as spent:
            answer = self._run(self._answer(entry.route, value, timeout_s, may_block=True))
        pace.ran_beside(spent)
        return answer

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        # In the caller's context, or rather a copy: the runner's own would be the one of the thread's first request.
        return self._runner().run(work, context=copy_context())

    def _runner(self) -> asyncio.Runner:
        """One event loop for all requests of a thread: what async nodes keep (clients, queues, tasks) belongs to it."""
        if not hasattr(self._runners, "runner"):
            self._runners.runner = runner = asyncio.Runner()
            # Its loop alone: `Runner.close` would run tasks, and garbage may be collected inside of another loop.
            weakref.finalize(self, runner.get_loop().close)
        return self._runners.runner  # type: ignore[no-any-return]

    async def _answer(self, route: Route, value: Any, timeout_s: float | None, *, may_block: bool) -> Any:
        graph = self.graph
        limit = self._limit if timeout_s is None else timeout_s
        parent = current_metadata()
        with tracing.span(graph.name, f"{graph.name}.{route.rpc}", "server", parent=parent) as span:
            request = RequestContext(
                graph=graph.name,
                route=route.path,
                metadata=parent,
                deadline=time.monotonic() + limit,
                trace_id=tracing.trace_id(),
            )
            token = CURRENT.set(request)
            blocking = self._transport.may_block.set(may_block)
            try:
                if self._wire is None:
                    return await self._executor.run(route, value)
                answer = await self._executor.run(route, self._wire.request(route, value))
                return self._wire.response(route, answer)
            except BaseException as error:
                span.fail(error)
                raise
            finally:
                self._transport.may_block.reset(blocking)
                CURRENT.reset(token)


def _waiter(graph: LocalGraph) -> Wait:
    """What waits for a result on the graph's event loop. The graph's routes have it, so it does not hold the graph."""
    known = weakref.ref(graph)

    def wait(node: Node, work: Awaitable[Any], limit: float) -> Any:
        running = known()
        assert running is not None
        return running._run(_of_node(node, work, limit))

    return wait


async def _of_node(node: Node, work: Awaitable[Any], limit: float) -> Any:
    with UserCode(node):
        return await in_time(node.name, work, limit)


def current_metadata() -> Mapping[str, str]:
    """A request of a local graph continues the trace that is current where it is made."""
    return dict(tracing.outgoing())
