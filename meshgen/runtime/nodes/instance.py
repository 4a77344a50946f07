"""A node that lives in this process: the user's function, or an object of the user's class."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from meshgen.graph.model import HandleRef, Method, Node
from meshgen.limits import DEFAULT_TIMEOUT_S
from meshgen.runtime.call.deadline import in_time, time_limit, too_late
from meshgen.runtime.call.errors import UserCode
from meshgen.runtime.call.transport import CallInfo
from meshgen.runtime.nodes.callee import by_position
from meshgen.runtime.nodes.handles import HANDLE_CALLS, LOOP, Handle, HandleCalls, Response
from meshgen.runtime.nodes.interrupt import alarm
from meshgen.runtime.nodes.thread_pool import DaemonThreads
from meshgen.runtime.nodes.timing import Noted
from meshgen.schema.values.writable import arrays_in, with_writable

_INLINE_SIZE = 100
"""Calls at once of an inline function: as many as its driver takes (`meshgen.plan.lower`), or it would throttle it."""


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

    At most `max_ongoing_requests` calls run at once. A call is given up at the request's deadline or after the
    `timeout_s` of its policy, whichever comes first.
    """

    def __init__(self, node: Node, handles: Mapping[str, Handle[Any]]) -> None:
        """Run the user's constructor, unless that is `async`: then `start` does.

        Args:
            node: the node.
            handles: to the nodes that it may call, by name.

        Raises:
            Exception: whatever the constructor raises, with a note that names the node.
        """
        self.node = node
        self._handles = handles
        size = node.options.max_ongoing_requests if node.published else _INLINE_SIZE
        self._threads = DaemonThreads(size, node.name)
        self._slots: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = (
            weakref.WeakKeyDictionary()
        )
        self._size = size
        self._arrays = {m.name: arrays for m in node.methods if (arrays := arrays_in(m.params))}
        target: Any = node.target
        self.target = target
        if node.kind == "class":
            with UserCode(node):
                is_async = _has_async_constructor(node)
                self.target = target.__new__(target) if is_async else target(*self._args, **self._kwargs)

    @property
    def _args(self) -> list[Any]:
        return [_with_handles(a, self._handles) for a in self.node.args]

    @property
    def _kwargs(self) -> dict[str, Any]:
        return {k: _with_handles(v, self._handles) for k, v in self.node.kwargs.items()}

    async def start(self) -> None:
        """Run the user's constructor if it is `async`; before anything else, on the event loop of the calls.

        Raises:
            Exception: as the constructor of this class.
        """
        if _has_async_constructor(self.node):
            with UserCode(self.node):
                await self.target.__init__(*self._args, **self._kwargs)

    @property
    def stuck(self) -> int:
        """Calls that run longer than the node's own limit, or than a request without a deadline may take.

        Not those that only have outlived an impatient client's deadline: a slow node is not an unhealthy one.
        """
        return self._threads.running_longer_than(self.node.options.policy.timeout_s or DEFAULT_TIMEOUT_S)

    async def invoke(self, call: CallInfo, arguments: Mapping[str, Any], *, alone: bool = False) -> Any:
        """Run a method of the node.

        Args:
            call: a call of this node.
            arguments: by parameter name.
            alone: sync code may run right here, on the event loop's thread.

        Raises:
            DeadlineExceeded: the call took too long.
            Exception: what the user's code raised, with a note that names the node.
        """
        limit = time_limit(call)
        token = LOOP.set(asyncio.get_running_loop())
        counted = HANDLE_CALLS.set(HandleCalls(call.place)) if self.node.may_call else None
        try:
            with UserCode(self.node):
                return await in_time(self.node.name, self._run(call.method, arguments, limit, alone=alone), limit)
        except TypeError as error:
            if self.node.may_call and str(error).endswith("can't be used in 'await' expression"):
                error.add_note("the response of a handle is awaited once: `await handle.method.remote(...)`")
            raise
        finally:
            LOOP.reset(token)
            if counted is not None:
                HANDLE_CALLS.reset(counted)

    async def _run(self, method: Method, arguments: Mapping[str, Any], limit: float | None, *, alone: bool) -> Any:
        function = self.target if self.node.kind == "function" else getattr(self.target, method.name)
        if (arrays := self._arrays.get(method.name)) is not None:
            arguments = with_writable(arguments, arrays)
        if not method.by_name:
            function = partial(by_position, function)
        if method.is_async:
            async with self._slot():
                result = await function(**arguments)
            if self.node.may_call and isinstance(result, Response):
                raise TypeError(f"'{self.node.name}.{method.name}' returns {result!r}, which nobody has awaited")
            return result
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


def starts_on_loop(node: Node) -> bool:
    """Whether a node's object is made by async code, which had better run on the event loop of its calls."""
    if node.kind != "class":
        return False
    configured = node.options.serve.get("user_config") is not None
    return _has_async_constructor(node) or (
        configured and inspect.iscoroutinefunction(getattr(node.target, "reconfigure", None))
    )


def _has_async_constructor(node: Node) -> bool:
    return inspect.iscoroutinefunction(getattr(node.target, "__init__", None))


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
