"""Handles: how a node's own code calls other nodes, from a coroutine or from a thread."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine, Generator, Mapping
from concurrent.futures import Future
from contextvars import ContextVar
from typing import Any, Generic, NoReturn, TypeVar

from meshgen.codec.lazy import plain
from meshgen.errors import near_match_hint
from meshgen.graph.members import own_public_names
from meshgen.graph.model import Node
from meshgen.rayserve import waiting
from meshgen.runtime.call import tracing
from meshgen.runtime.call.context import current
from meshgen.runtime.call.transport import ELSEWHERE, CallInfo, Place, Transport
from meshgen.runtime.nodes.callee import Callee, callee
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

    __slots__ = ("_methods", "_node", "_transport")
    _methods: dict[str, HandleMethod]
    _node: Node
    _transport: Transport

    def __init__(self, node: Node, transport: Transport) -> None:
        self._node, self._transport, self._methods = node, transport, {}
        waiting.refuse(Response, "write `await response`, or `response.result()` in sync code")

    def __getattr__(self, name: str) -> HandleMethod:
        if name.startswith("__") or name in Handle.__slots__:  # protocols of Python, or a copy that is being made
            raise AttributeError(name)
        return self._method(name)

    def __setattr__(self, name: str, value: object) -> None:
        if name in Handle.__slots__:
            object.__setattr__(self, name, value)
            return
        raise AttributeError(f"`{name}` cannot be set by a handle: node '{self._node.name}' runs elsewhere")

    def __call__(self, *_: object, **__: object) -> NoReturn:
        """Refused: calls are made by `.remote`."""
        raise TypeError(f"a node is called by `.remote`: write `await handle.remote(...)` ({self!r})")

    def remote(self, *args: Any, **kwargs: Any) -> Response:
        """Call the node itself: `__call__` of a class, or a function."""
        name = self._node.target.__name__ if self._node.kind == "function" else "__call__"
        return self._method(name).remote(*args, **kwargs)

    def _method(self, name: str) -> HandleMethod:
        found = self._methods.get(name)
        if found is None:
            known = callee(self._node, name)
            if known is None:
                raise AttributeError(_no_method(self._node, name))
            found = self._methods[name] = HandleMethod(known, self._transport)
        return found

    def __repr__(self) -> str:
        return f"<handle to {self._node.name}>"


def _no_method(node: Node, name: str) -> str:
    public = own_public_names(node.target) if isinstance(node.target, type) else []
    known = f"it has: {', '.join(public) or 'none'}"
    if name == "__call__":
        return f"node '{node.name}' has no `__call__`; call one of its methods: {known}"
    if name == "options":
        return f"a handle to '{node.name}' has no options: write `handle.method.remote(...)` to call another method"
    if name.startswith("_"):
        return f"`{name}` of node '{node.name}' is private; a handle calls public methods, {known}"
    near = near_match_hint(name, public, f"{known}; attributes stay where the node runs")
    return f"node '{node.name}' has no public method `{name}`: {near}"


class HandleMethod:
    """`handle.method`."""

    def __init__(self, target: Callee, transport: Transport) -> None:
        """Args: the method; what calls it."""
        self._callee = target
        self._transport = transport
        self._has_arrays = holds_arrays(target.method.result)

    def remote(self, *args: Any, **kwargs: Any) -> Response:
        """Start the call now; await what comes back, or ask for its `.result()` from sync code.

        Raises:
            TypeError: the arguments do not fit the method.
        """
        arguments = self._callee.bound(args, kwargs)
        for name, value in arguments.items():
            if isinstance(value, Handle):
                text = f"'{self._callee.name}' is given a handle as `{name}`; only a constructor takes one"
                raise TypeError(f"{text}, where the graph is bound")
        caller = HANDLE_CALLS.get()
        place = ELSEWHERE if caller is None else caller.place_of_next()
        node, method = self._callee.node, self._callee.method
        return Response(self._call(CallInfo.outside(node, method, place), arguments), self._callee.name)

    def __call__(self, *_: object, **__: object) -> NoReturn:
        """Refused: calls are made by `.remote`."""
        raise TypeError(f"'{self._callee.name}' is called by `.remote`: write `await {self._callee.shown}.remote(...)`")

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(name)
        message = f"`{self._callee.shown}.{name}` does not exist: write `await {self._callee.shown}.remote(...)`"
        raise AttributeError(message)

    async def _call(self, call: CallInfo, arguments: Mapping[str, Any]) -> Any:
        arguments = {k: await v if isinstance(v, Response) else v for k, v in arguments.items()}
        request = current()
        caller = (request.node or request.graph) if request else call.node.name
        with tracing.span(caller, call.name, "client"):
            result = plain(await self._transport.call(call, arguments))
            return writable(result) if self._has_arrays else result


class Response:
    """A call by a handle, which may or may not have ended."""

    def __init__(self, call: Coroutine[Any, Any, Any], name: str) -> None:
        """Args: the call; what it calls."""
        self._name = name
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

    def __bool__(self) -> bool:
        raise TypeError(f"{self!r} is no answer yet: await it")

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(name)
        raise AttributeError(f"{self!r} has no `{name}`: await it first, `(await response).{name}`")

    def __repr__(self) -> str:
        return f"<response of '{self._name}'>"

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
