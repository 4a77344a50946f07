"""A node that lives in this process: the user's function, or an object of the user's class."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import time
import weakref
from collections.abc import Callable, Coroutine, Generator, Iterator, Mapping
from concurrent.futures import Future
from contextvars import ContextVar
from functools import partial
from typing import Any, Generic, TypeVar

from meshgen.codec.lazy import plain
from meshgen.graph.model import HandleRef, Method, Node
from meshgen.limits import DEFAULT_TIMEOUT_S
from meshgen.runtime.call import tracing
from meshgen.runtime.call.context import current
from meshgen.runtime.call.deadline import in_time, time_limit, too_late
from meshgen.runtime.call.errors import UserCode
from meshgen.runtime.call.transport import Transport
from meshgen.runtime.nodes.interrupt import alarm
from meshgen.runtime.nodes.thread_pool import DaemonThreads
from meshgen.runtime.nodes.timing import Noted

T = TypeVar("T")

_INLINE_SIZE = 100
"""Calls at once of an inline function: as many as its driver takes (`meshgen.plan.lower`), or it would throttle it."""

LOOP: ContextVar[asyncio.AbstractEventLoop] = ContextVar("meshgen_loop")
"""The event loop behind user code, for handles that it calls from threads."""

_STARTED: set[asyncio.Task[Any]] = set()
"""Calls by handles under way: asyncio itself would let one that nobody waits for be collected."""


@contextlib.contextmanager
def _loop_hidden() -> Iterator[None]:
    """Let sync code start an event loop of its own (`asyncio.run`), although it runs on the thread of ours."""
    loop = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    try:
        yield
    finally:
        asyncio._set_running_loop(loop)


class Instance:
    """Constructs the user's class and calls it: async code on the loop, sync code in threads.

    At most `max_ongoing_requests` calls run at once. A call is given up at the request's deadline or after the node's
    own `timeout_s`, whichever comes first.
    """

    def __init__(self, node: Node, handles: Mapping[str, Handle[Any]]) -> None:
        """Run the user's constructor.

        Args:
            node: the node.
            handles: to the nodes that it may call, by name.

        Raises:
            Exception: whatever the constructor raises, with a note that names the node.
        """
        self.node = node
        size = node.options.max_ongoing_requests if node.published else _INLINE_SIZE
        self._threads = DaemonThreads(size, node.name)
        self._slots: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = (
            weakref.WeakKeyDictionary()
        )
        self._size = size
        self.target: Any = node.target
        if node.kind == "class":
            with UserCode(node):
                self.target = node.target(
                    *(_with_handles(a, handles) for a in node.args),
                    **{k: _with_handles(v, handles) for k, v in node.kwargs.items()},
                )

    @property
    def stuck(self) -> int:
        """Calls that run longer than the node's own limit, or than a request without a deadline may take.

        Not those that only have outlived an impatient client's deadline: a slow node is not an unhealthy one.
        """
        return self._threads.running_longer_than(self.node.options.timeout_s or DEFAULT_TIMEOUT_S)

    async def call(self, method: Method, arguments: Mapping[str, Any], *, alone: bool = False) -> Any:
        """Call a method.

        Args:
            method: one of the node's methods.
            arguments: by parameter name.
            alone: sync code may run right here, on the event loop's thread.

        Raises:
            DeadlineExceeded: the call took too long.
            Exception: what the user's code raised, with a note that names the node.
        """
        limit = time_limit(self.node)
        token = LOOP.set(asyncio.get_running_loop())
        try:
            with UserCode(self.node):
                return await in_time(self.node.name, self._answer(method, arguments, limit, alone=alone), limit)
        finally:
            LOOP.reset(token)

    async def _answer(self, method: Method, arguments: Mapping[str, Any], limit: float | None, *, alone: bool) -> Any:
        function = self.target if self.node.kind == "function" else getattr(self.target, method.name)
        if method.is_async:
            async with self._slot():
                return await function(**arguments)
        # Sync code that waits for handles needs the loop to go on meanwhile.
        if alone and not self.node.may_call:
            with alarm(limit, partial(too_late, self.node.name, limit or 0)), _loop_hidden(), Noted():
                result = function(**arguments)
        else:
            deadline = None if limit is None else time.monotonic() + limit
            result = await self._threads.run(partial(self._plainly, function, arguments), deadline)
        return await result if inspect.isawaitable(result) else result

    async def check_health(self) -> None:
        """Run the user's `check_health`, if the class has one; it raises when the node is not well."""
        check = getattr(self.target, "check_health", None)
        if self.node.kind == "class" and callable(check):
            await self._maybe_async(check)

    async def reconfigure(self, user_config: Any) -> None:
        """Give `user_config` to the user's `reconfigure`, as Ray Serve does at start and on every change."""
        reconfigure = getattr(self.target, "reconfigure", None)
        if self.node.kind == "class" and callable(reconfigure):
            await self._maybe_async(partial(reconfigure, user_config))

    def close(self) -> None:
        """Let the threads go."""
        self._threads.close()

    def _slot(self) -> asyncio.Semaphore:
        loop = asyncio.get_running_loop()
        if loop not in self._slots:
            self._slots[loop] = asyncio.Semaphore(self._size)
        return self._slots[loop]

    def _plainly(self, function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
        """Call sync code in a thread, from which a future can carry ordinary exceptions only."""
        with UserCode(self.node), Noted():
            return function(**arguments)

    async def _maybe_async(self, call: Callable[[], Any]) -> None:
        with UserCode(self.node):
            result = call()
            if inspect.isawaitable(result):
                await result


def _with_handles(value: Any, handles: Mapping[str, Handle[Any]]) -> Any:
    if isinstance(value, HandleRef):
        return handles[value.node]
    if isinstance(value, list):
        return [_with_handles(v, handles) for v in value]
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return tuple(_with_handles(v, handles) for v in value)
    if isinstance(value, dict):
        return {k: _with_handles(v, handles) for k, v in value.items()}
    return value


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
        return Response(self._call(arguments))

    async def _call(self, arguments: Mapping[str, Any]) -> Any:
        arguments = {k: await v if isinstance(v, Response) else v for k, v in arguments.items()}
        request = current()
        caller = (request.node or request.graph) if request else self._node.name
        with tracing.span(caller, f"{self._node.name}.{self._method.rpc}", "client"):
            return plain(await self._transport.call(self._node, self._method, arguments, alone=False))


class Response:
    """A call under way."""

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
