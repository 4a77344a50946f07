"""Runs a compiled route: one request without an event loop, tasks or threads of its own.

What is rare is done here, and as the executor does it: late calls, errors, nodes that are called for the first time,
results that have to be awaited.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextvars import copy_context
from types import FrameType, GeneratorType
from typing import Any, Protocol, TypeAlias
from weakref import WeakMethod

from meshgen.graph.model import Node
from meshgen.runtime.call import tracing
from meshgen.runtime.call.context import CURRENT, Grace, RequestContext
from meshgen.runtime.call.deadline import no_time, too_late
from meshgen.runtime.call.errors import UserCode
from meshgen.runtime.engine.compiled.adaptive import CallTimes
from meshgen.runtime.engine.compiled.codegen import FUNCTION, RouteCode
from meshgen.runtime.engine.compiled.values import INPUT
from meshgen.runtime.nodes.interrupt import Armed, arm, disarm
from meshgen.status import DeadlineExceeded

_PLAIN = (bool, int, float, str, bytes, list, tuple, dict, set, type(None))
"""Results of these classes need not be awaited, for a start."""

_UNREADABLE = (AttributeError, KeyError, IndexError, TypeError)

Wait: TypeAlias = Callable[[Node, Awaitable[Any], float], Any]
"""Waits for what a sync method of a node gave, for so many seconds at most."""


class Nodes(Protocol):
    """Where the objects of nodes come from."""

    def target(self, node: Node) -> Any:
        """The node's object, made now if it is not there yet."""


class CompiledRoute:
    """One route of a graph in process; serves any number of requests at once, each in its caller's thread."""

    def __init__(self, graph: str, path: str, code: RouteCode, nodes: Nodes, wait: Wait) -> None:
        self.graph = graph
        self.path = path
        self.calls = code.calls
        self.size = code.size
        self.plain = set(_PLAIN)
        """Classes of results that need not be awaited."""
        self.awaits = False
        """A sync method has given something to be awaited: an event loop serves this route better."""
        self.times = None if code.one_call_at_a_time else CallTimes()
        """How long the calls of a route take that could run in parallel."""
        self._code = code
        self._nodes = nodes
        self._wait = wait
        self._names: dict[str, Any] = {
            **code.names,
            "__name__": code.code.co_filename,
            "__loader__": _Source(code.source),
            "_plain": self.plain,
            **{name: self._node(name, node) for name, node in code.nodes.items()},
        }
        exec(code.code, self._names)  # noqa: S102 - it is our own
        self._function = self._names.pop(FUNCTION)

    def run(self, given: Any, seconds: float) -> Any:
        """Answer one request, as `Executor.run` does.

        Args:
            given: the request.
            seconds: until its deadline.
        """
        return copy_context().run(self._run, given, seconds)

    def _run(self, given: Any, seconds: float) -> Any:
        started = time.monotonic()
        request = RunningRequest(self, tracing.begin(), started + seconds)
        CURRENT.set(request)
        request.armed = arm(seconds, request.ring)
        try:
            answer = self._function(request, given)
        except BaseException as error:
            at, request.at = request.at, 0
            if at > 0:
                UserCode(self.calls[at]).__exit__(type(error), error, error.__traceback__)
            if at >= 0 or not isinstance(error, _UNREADABLE):
                raise
            failed = error
        else:
            if not request.rang:
                return answer
            raise request.late(request.rang)
        finally:
            request.at = 0
            if request.armed is not None:
                disarm(request.armed)
            if self.times is not None:
                self.times.ran_compiled(time.monotonic() - started - request.waited, self.size + request.more)
        try:
            self._read_again(at, failed)
            raise failed
        finally:
            del failed  # it knows this frame, which would know it

    def _read_again(self, at: int, failed: BaseException) -> None:
        """Read what could not be read in the way that tells what is wrong; not in the handler, which would show."""
        trace = failed.__traceback__
        while trace is not None and trace.tb_frame.f_code is not self._function.__code__:
            trace = trace.tb_next
        if trace is not None:
            variables = trace.tb_frame.f_locals
            results = {step: variables[name] for name, step in self._code.results.items() if name in variables}
            for read in self._code.readings[at]:
                read(variables["_given"], results)

    def _node(self, name: str, node: Node) -> Any:
        # By a weak reference, as a graph that nobody needs any more, and its models, had better go at once.
        return node.target if node.kind == "function" else _Unmade(WeakMethod(self._made), name, node)

    def _made(self, name: str, node: Node) -> Any:
        request = CURRENT.get()
        assert isinstance(request, RunningRequest)
        with request.waiting():
            self._names[name] = target = self._nodes.target(node)
        return target

    def wait(self, request: RunningRequest, work: Awaitable[Any]) -> Any:
        """The value of an awaitable result."""
        self.awaits = True
        with request.disarmed():
            return self._wait(self.calls[request.at], work, request.ends - time.monotonic())


class RunningRequest:
    """One request. The route's function writes where it is, and reads when it must end."""

    __slots__ = ("_deadline", "_grace", "_metadata", "_route", "armed", "at", "ends", "more", "rang", "since", "waited")

    def __init__(self, route: CompiledRoute, metadata: Callable[[], Mapping[str, str]], deadline: float) -> None:
        self.at = INPUT
        """Where the function is: at a call, by its positive number, at the reading of values, by a negative one, or
        nowhere, as our own code runs: 0."""
        self.ends = deadline
        """When the request must end, on the clock of `time.monotonic()`: the time for which it has waited is added."""
        self.more = 0
        """Calls beside those that each request makes."""
        self.rang = 0
        """The call that the alarm has interrupted."""
        self.waited = 0.0
        self.since = 0.0
        """When the last call started."""
        self.armed: Armed | None = None
        self._deadline = deadline
        self._grace: Grace | None = None
        self._metadata = metadata
        self._route = route

    def context(self) -> RequestContext:
        """What `current_request()` gives, from the node whose code is running now."""
        return RequestContext(
            graph=self._route.graph,
            route=self._route.path,
            node=self._route.calls[self.at].name if self.at > 0 else None,
            metadata=self._metadata(),
            deadline=self._deadline,
            trace_id=tracing.trace_id(),
            grace=self._grace_of_all(),
        )

    def ring(self, _signal: int, _frame: FrameType | None) -> None:
        """The time is over. Only user code is interrupted: it is asked for the time before each call as well."""
        if self.at > 0 and sys.gettrace() is None:
            self.rang = self.at
            raise self.late(self.at)

    def late(self, call: int) -> DeadlineExceeded:
        """The error for a call that took too long."""
        return too_late(self._route.calls[call].name, self.ends - self.since)

    def no_time(self) -> None:
        """Refuse a call that would start too late.

        Raises:
            DeadlineExceeded: always.
        """
        raise self.late(self.rang) if self.rang else no_time(self._route.calls[self.at].name)

    def plain(self, result: Any) -> Any:
        """A result as it is; or, if it has to be awaited, what it comes to."""
        if inspect.isawaitable(result):
            return self._route.wait(self, result)
        if type(result) is not GeneratorType:  # one of them may be a coroutine, and the next one not
            self._route.plain.add(type(result))
        return result

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Around the making of a node, whose time is not the request's."""
        at, self.at = self.at, 0
        started = time.monotonic()
        with self.disarmed():
            try:
                with self._grace_of_all().waiting():
                    yield
            finally:
                self.waited += time.monotonic() - started
                self.ends = self._deadline + self._grace_of_all().seconds
        self.at = at
        self.since = time.monotonic()

    @contextlib.contextmanager
    def disarmed(self) -> Iterator[None]:
        """Without the alarm: our own code runs in here, or an event loop, which has its own clock."""
        if self.armed is None:
            yield
            return
        disarm(self.armed)
        self.armed = None
        try:
            yield
        finally:
            self.armed = arm(self.ends - time.monotonic(), self.ring)

    def _grace_of_all(self) -> Grace:
        if self._grace is None:
            self._grace = Grace()
        return self._grace


class _Unmade:
    """Stands for a node's object until the node is called for the first time."""

    __slots__ = ("_make", "_name", "_node")

    def __init__(self, make: WeakMethod[Callable[[str, Node], Any]], name: str, node: Node) -> None:
        self._make = make
        self._name = name
        self._node = node

    def __getattr__(self, name: str) -> Any:
        make = self._make()
        assert make is not None  # the route is running
        return getattr(make(self._name, self._node), name)


class _Source:
    """The source of a compiled route, for tracebacks and debuggers."""

    def __init__(self, source: str) -> None:
        self._source = source

    def get_source(self, _name: str) -> str:
        """It, whatever the module's name."""
        return self._source
