"""A graph as plain calls in this process: no Ray, no gRPC, no Envoy.

Joins the frontend (which reads graphs) and the runtime (which runs them); neither knows the other.
"""

from __future__ import annotations

import asyncio
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from meshgen.errors import GraphError
from meshgen.frontend import Application, trace
from meshgen.graph.model import Graph, GraphInput, Route
from meshgen.limits import DEFAULT_TIMEOUT_S
from meshgen.naming import snake
from meshgen.runtime import tracing
from meshgen.runtime.context import CURRENT, RequestContext
from meshgen.runtime.executor import Executor
from meshgen.runtime.local import LocalTransport
from meshgen.runtime.transport import Transport
from meshgen.runtime.unfit import unfit_answer
from meshgen.schema.check import request_check
from meshgen.schema.compat import holds
from meshgen.schema.fit import EncodeError
from meshgen.schema.jsonvalue import from_json, to_json
from meshgen.schema.model import Field, Record, Type
from meshgen.status import InvalidArgument, NotFound, Violation


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


class LocalGraph:
    """A graph that is called like a function. Nodes are constructed when they are first needed, once."""

    def __init__(self, graph: Graph, wire: Wire | None = None) -> None:
        self.graph = graph
        self._wire = wire
        self._transport = LocalTransport(graph)
        self._runners = threading.local()
        requests = {route.rpc: graph.request(route) for route in graph.routes}
        self._checks = {rpc: request_check(request.params, request.record) for rpc, request in requests.items()}
        self._executor = Executor(graph, wire.transport(self._transport) if wire else self._transport)

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
        found = self.route(route)
        value = self._checked(found, bound_request(self.graph.request(found), args, kwargs))
        return self._sync(found, value, timeout_s)

    async def call(self, *args: Any, route: str | None = None, timeout_s: float | None = None, **kwargs: Any) -> Any:
        """The same as calling the graph, in async code. Sync nodes run in threads."""
        found = self.route(route)
        value = self._checked(found, bound_request(self.graph.request(found), args, kwargs))
        return await self._answer(found, value, timeout_s, may_block=False)

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
        found = self.route(route)
        request = self.graph.request(found)
        given = from_json(request.record or request.params, value, unknown_key=unknown_key)
        answer = self._sync(found, self._checked(found, given), timeout_s)
        try:
            return to_json(found.result, answer)
        except EncodeError as error:
            raise unfit_answer(self.graph, found, answer, error) from None

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

    def _checked(self, route: Route, value: Any) -> Any:
        if (check := self._checks[route.rpc]) is not None:
            check(value)
        return value

    def _sync(self, route: Route, value: Any, timeout_s: float | None) -> Any:
        if asyncio._get_running_loop() is not None:
            message = "an event loop runs here; write `await graph.call(...)`"
            raise RuntimeError(message)
        return self._runner().run(self._answer(route, value, timeout_s, may_block=True))

    def _runner(self) -> asyncio.Runner:
        """One event loop for all requests of a thread: what async nodes keep (clients, queues, tasks) belongs to it."""
        if not hasattr(self._runners, "runner"):
            self._runners.runner = runner = asyncio.Runner()
            # Its loop alone: `Runner.close` would run tasks, and garbage may be collected inside of another loop.
            weakref.finalize(self, runner.get_loop().close)
        return self._runners.runner  # type: ignore[no-any-return]

    async def _answer(self, route: Route, value: Any, timeout_s: float | None, *, may_block: bool) -> Any:
        graph = self.graph
        limit = timeout_s if timeout_s is not None else graph.options.timeout_s or DEFAULT_TIMEOUT_S
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


def current_metadata() -> Mapping[str, str]:
    """A request of a local graph continues the trace that is current where it is made."""
    return dict(tracing.outgoing())


def bound_request(declared: GraphInput, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Arguments of a Python call → the request's value: the record, or a dict by parameter name.

    Raises:
        TypeError: too many, missing or unknown arguments.
        InvalidArgument: a value of another type than the graph declares.
    """
    if declared.record is not None:
        if len(args) == 1 and not kwargs:
            _check(declared.record.name, declared.record, args[0])
            return args[0]
        if not args:
            return declared.record.construct(dict(kwargs))
        message = f"the request is one {declared.record.name}, or its fields by name"
        raise TypeError(message)
    names = [p.name for p in declared.params]
    values = dict(zip(names, args, strict=False))
    unknown = [k for k in kwargs if k not in names or k in values]
    if len(args) > len(names) or unknown:
        surplus = ", ".join(unknown) or f"{len(args)} values"
        message = f"the request takes {', '.join(names) or 'nothing'}; not {surplus}"
        raise TypeError(message)
    values.update(kwargs)
    missing = [p.name for p in declared.params if p.required and p.name not in values]
    if missing:
        message = f"the request lacks {', '.join(missing)}"
        raise TypeError(message)
    for param in declared.params:
        if param.name in values:
            _check(param.name, param.type, values[param.name])
    return {p.name: values[p.name] if p.name in values else p.make_default() for p in declared.params}


def _check(name: str, expected: Type, value: Any) -> None:
    if not holds(value, expected):
        violation = _unfit(name, expected, value)
        raise InvalidArgument(f"{violation.field} {violation.description}", violations=(violation,))


def _unfit(name: str, expected: Type, value: Any) -> Violation:
    """What is wrong, in the words of the codec where it would refuse the value, too."""
    try:
        if isinstance(expected, Record):
            to_json(expected, value)
        else:
            to_json((Field(name=name, type=expected),), {name: value})
    except EncodeError as error:
        return Violation(error.path or name, error.reason)
    return Violation(name, f"must be {expected}, not {type(value).__name__}")
