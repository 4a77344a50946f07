"""Handles: how a node's own code calls other nodes, from a coroutine or from a thread."""

from __future__ import annotations

import asyncio
import inspect
import itertools
from collections.abc import Coroutine, Generator, Mapping
from concurrent.futures import Future
from contextvars import ContextVar
from typing import Any, Generic, TypeVar

from meshgen.codec.lazy import plain
from meshgen.graph.model import Method, Node
from meshgen.runtime.call import tracing
from meshgen.runtime.call.context import current
from meshgen.runtime.call.transport import ELSEWHERE, CallInfo, Place, Transport
from meshgen.schema.values.writable import holds_arrays, writable

T = TypeVar("T")

LOOP: ContextVar[asyncio.AbstractEventLoop] = ContextVar("meshgen_loop")
"""The event loop behind user code, for handles that it calls from threads."""


class HandleCalls:
    """Gives each call that a node makes by a handle, while it answers one call itself, a place below that call's."""

    __slots__ = ("_numbers", "_place")

    def __init__(self, place: Place) -> None:
        """Args: the place of the call that the node answers."""
        self._place = place
        self._numbers = itertools.count()

    def place_of_next(self) -> Place:
        """The place of the call that is made now."""
        place = self._place
        return Place(place.step, place.item, (*place.below, next(self._numbers)))


HANDLE_CALLS: ContextVar[HandleCalls | None] = ContextVar("meshgen_handle_calls", default=None)
"""Set where a node answers a call that may call others."""

_STARTED: set[asyncio.Task[Any]] = set()
"""Calls by handles that have not ended: asyncio itself would let one that nobody waits for be collected."""


class Handle(Generic[T]):
    """Another node, as a constructor receives it: `await handle.method.remote(...)`.

    `T` is the node's class; it only speaks to readers and type checkers.
    """

    def __init__(self, node: Node, transport: Transport) -> None:
        self._node = node
        self._transport = transport

    def __getattr__(self, name: str) -> HandleMethod:
        method = None if name.startswith("__") else self._node.method(name)
        if method is None:
            known = ", ".join(m.name for m in self._node.methods)
            message = f"node '{self._node.name}' publishes no method `{name}`; it has: {known}"
            raise AttributeError(message)
        return HandleMethod(self._node, method, self._transport)

    def remote(self, *args: Any, **kwargs: Any) -> Response:
        """Call the node itself: `__call__` of a class, or a function."""
        name = self._node.target.__name__ if self._node.kind == "function" else "__call__"
        method = self._node.method(name)
        if method is None:
            message = f"node '{self._node.name}' has no annotated `__call__`; call one of its methods"
            raise AttributeError(message)
        return HandleMethod(self._node, method, self._transport).remote(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<handle to {self._node.name}>"


class HandleMethod:
    """`handle.method`."""

    def __init__(self, node: Node, method: Method, transport: Transport) -> None:
        self._node = node
        self._method = method
        self._transport = transport
        self._has_arrays = holds_arrays(method.result)
        names = [p.name for p in method.params]
        self._signature = inspect.Signature(
            [inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None) for n in names]
        )

    def remote(self, *args: Any, **kwargs: Any) -> Response:
        """Start the call now; await what comes back, or ask for its `.result()` from sync code.

        Raises:
            TypeError: the arguments do not fit the method.
        """
        arguments = self._signature.bind_partial(*args, **kwargs).arguments
        missing = [p.name for p in self._method.params if not p.has_default and p.name not in arguments]
        if missing:
            message = f"'{self._node.name}.{self._method.name}' is not given `{'`, `'.join(missing)}`"
            raise TypeError(message)
        caller = HANDLE_CALLS.get()
        place = ELSEWHERE if caller is None else caller.place_of_next()
        return Response(self._call(CallInfo.outside(self._node, self._method, place), arguments))

    async def _call(self, call: CallInfo, arguments: Mapping[str, Any]) -> Any:
        arguments = {k: await v if isinstance(v, Response) else v for k, v in arguments.items()}
        request = current()
        caller = (request.node or request.graph) if request else self._node.name
        with tracing.span(caller, call.name, "client"):
            result = plain(await self._transport.call(call, arguments))
            return writable(result) if self._has_arrays else result


class Response:
    """A call by a handle, which may or may not have ended."""

    def __init__(self, call: Coroutine[Any, Any, Any]) -> None:
        self._task: asyncio.Task[Any] | Future[Any]
        beside = LOOP.get(None)
        if asyncio._get_running_loop() is not None:
            self._task = asyncio.get_running_loop().create_task(call)
            _STARTED.add(self._task)
            self._task.add_done_callback(_STARTED.discard)
        elif beside is not None:  # sync user code, in a thread beside the loop
            self._task = asyncio.run_coroutine_threadsafe(call, beside)
        else:
            call.close()
            message = "a handle is called in a thread that knows of no request; run it by `copy_context().run`"
            raise RuntimeError(message)

    def __await__(self) -> Generator[Any, None, Any]:
        task = self._task if isinstance(self._task, asyncio.Task) else asyncio.wrap_future(self._task)
        return task.__await__()

    def result(self, timeout_s: float | None = None) -> Any:
        """Wait for the result, in sync code.

        Raises:
            RuntimeError: in async code, which must `await` instead.
            TimeoutError: not there after `timeout_s` seconds.
        """
        if isinstance(self._task, asyncio.Task):
            message = "`.result()` would block the event loop; write `await handle.method.remote(...)`"
            raise RuntimeError(message)  # noqa: TRY004 - it is not the type of an argument that is wrong
        return self._task.result(timeout_s)
