"""A graph as plain calls in this process: no Ray, no gRPC, no Envoy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from meshgen.graph.model import Graph, GraphInput, Route
from meshgen.limits import DEFAULT_TIMEOUT_S
from meshgen.runtime.call.result_errors import wrong_answer
from meshgen.runtime.engine.schedule import Schedule
from meshgen.runtime.local.binding import Arguments
from meshgen.runtime.local.engines import Engine, Engines, RunningGraph
from meshgen.runtime.local.layers import Layer
from meshgen.schema.check.requests import request_check
from meshgen.schema.convert.json_value import JsonReader, JsonWriter
from meshgen.schema.misfit import EncodeError
from meshgen.status import NotFound


class _Entry:
    """A route, ready to be called."""

    def __init__(self, route: Route, request: GraphInput, engines: Engines, arguments: Arguments) -> None:
        self.route = route
        self.engines = engines
        self.arguments = arguments
        self.check = request_check(request.params, request.record)
        """What enforces the rules of the request."""
        self._request = request

    @cached_property
    def reader(self) -> JsonReader:
        """What reads requests given as JSON."""
        return JsonReader(self._request.record or self._request.params)

    @cached_property
    def writer(self) -> JsonWriter:
        """What writes answers as JSON."""
        return JsonWriter(self.route.result)


class LocalGraph:
    """A graph that is called like a function. Nodes are constructed when they are first needed, once."""

    _arguments: type[Arguments] = Arguments
    """What reads the arguments of a call."""

    def __init__(self, graph: Graph, layers: Sequence[Layer] = (), *, engine: Engine = "auto") -> None:
        """Construct no node yet.

        Args:
            graph: the graph.
            layers: what lies between the graph and its callers, and between its nodes; the outermost first.
            engine: what runs it. `compiled` fails for routes that cannot be compiled, when they are first called.
        """
        self.graph = graph
        self._engine = engine
        self._running = RunningGraph(Schedule(graph), layers)
        self._limit = graph.options.policy.timeout_s or DEFAULT_TIMEOUT_S
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
        return entry.engines.run(value, self._limit if timeout_s is None else timeout_s)

    async def call(self, *args: Any, route: str | None = None, timeout_s: float | None = None, **kwargs: Any) -> Any:
        """The same as calling the graph, in async code. Sync nodes run in threads."""
        entry = self._entries.get(route) or self._entry(route)
        value = entry.arguments.bound(args, kwargs)
        if entry.check is not None:
            entry.check(value)
        limit = self._limit if timeout_s is None else timeout_s
        return await entry.engines.executor.answer(value, limit, may_block=False)

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
        given = entry.reader.read(value, unknown_key=unknown_key)
        if entry.check is not None:
            entry.check(given)
        answer = entry.engines.run(given, self._limit if timeout_s is None else timeout_s)
        try:
            return entry.writer.write(answer)
        except EncodeError as error:
            raise wrong_answer(self.graph, entry.route, answer, error) from None

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
        self._running.nodes.close()
        self._running.loops.close()

    def _entry(self, path: str | None) -> _Entry:
        """What a route needs, made when it is first called."""
        route = self.route(path)
        entry = self._entries.get(route.path)
        if entry is None:
            engines = Engines(self._running, self._running.schedule.routes[route.rpc], self._engine)
            request = self.graph.request(route)
            entry = _Entry(route, request, engines, self._arguments(request))
            self._entries[route.path] = self._entries[route.path.strip("/")] = entry
            if len(self.graph.routes) == 1:
                self._entries[None] = entry
        return entry
