"""The one table from exceptions to statuses.

User code raises `StatusError`s to speak to the caller. Whatever else it raises is a bug in it, and INTERNAL: a
`ValueError` deep inside numpy is not the caller's fault.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import TypeVar

from meshgen.graph.model import Node
from meshgen.runtime.call import tracing
from meshgen.schema.misfit import TOO_DEEP, EncodeError
from meshgen.source import Span
from meshgen.status import Cancelled, Internal, InvalidArgument, StatusError

_NODE = "__meshgen_node__"
_TRACE = "__meshgen_trace__"


class EscapeError(RuntimeError):
    """What user code raised would have ended the process, its thread or its event loop, not just the request.

    The original (`SystemExit`, `StopIteration`, a bare `BaseException`) is the cause.
    """


class UserCode:
    """Around each run of a node's code: writes the node on what it raises, and lets out ordinary exceptions only.

    asyncio and threads give `SystemExit` and `StopIteration` meanings of their own, so they must not get that far.
    """

    __slots__ = ("_node",)

    def __init__(self, node: Node) -> None:
        """Args: the node whose code runs inside the `with`."""
        self._node = node

    def __enter__(self) -> None:
        """Nothing to set up."""

    def __exit__(self, _type: object, error: BaseException | None, _traceback: TracebackType | None) -> None:
        """Raise what stands for `error`.

        Raises:
            Cancelled: the code raised `CancelledError` although nobody had cancelled it.
            EscapeError: the code raised something that is not for a request to raise.
        """
        if error is None or _is_signal(error):
            return
        error = _as_raised(error)
        blame(error, self._node)
        shown = self._ordinary(error)
        if shown is not error:
            blame(shown, self._node)
            raise shown from error

    def _ordinary(self, error: BaseException) -> BaseException:
        name = self._node.name
        match error:
            case asyncio.CancelledError():
                return Cancelled(f"node '{name}' raised CancelledError, although nobody had cancelled it")
            case Exception() if not isinstance(error, StopIteration):
                return error
            case _:
                return EscapeError(f"node '{name}' raised {type(error).__name__}")


def _as_raised(error: BaseException) -> BaseException:
    """Python replaces a `StopIteration` that leaves a coroutine; only the original knows the user's line."""
    if isinstance(error, RuntimeError) and isinstance(error.__cause__, StopIteration):
        return error.__cause__ if str(error) == "coroutine raised StopIteration" else error
    return error


def _is_signal(error: BaseException) -> bool:
    """Not the code's own doing: Ctrl-C, a cancelled request, the end of a coroutine."""
    match error:
        case KeyboardInterrupt():
            return threading.current_thread() is threading.main_thread()
        case asyncio.CancelledError():
            task = _current_task()
            return task is not None and task.cancelling() > 0
        case _:
            return isinstance(error, GeneratorExit)


def _current_task() -> asyncio.Task[object] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:  # in a thread without a loop
        return None


def _only_status(error: BaseException) -> BaseException:
    """The first status in a group that holds nothing else: what a user's own `asyncio.TaskGroup` over calls raises."""
    if not isinstance(error, BaseExceptionGroup) or error.split(StatusError)[1] is not None:
        return error
    first: BaseException = error
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first


def blame(error: BaseException, node: Node) -> None:
    """Write on an exception of user code which node raised it; the first writer is right."""
    if isinstance(error, StatusError):
        error.node = error.node or node.name
    elif not hasattr(error, _NODE):
        with contextlib.suppress(AttributeError):  # an exception class with __slots__
            setattr(error, _NODE, node.name)
            setattr(error, _TRACE, tracing.trace_id())
            error.add_note(f"in node '{node.name}' ({node.span})")


def trace_of(error: BaseException) -> str:
    """The trace of the request in which user code raised an exception; empty when nobody was blamed for it."""
    return getattr(error, _TRACE, "")


Status = TypeVar("Status", bound=StatusError)


def placed(error: Status, *places: Span) -> Status:
    """The error with the places in the user's files that it is about, which logs and spans tell, and callers not."""
    for place in places:
        error.add_note(f"at {place}")
    return error


@contextlib.contextmanager
def blamed_for_request(node: Node) -> Iterator[None]:
    """Around the reading of a node's request: the node is the one that refuses it, as its replica would."""
    try:
        yield
    except InvalidArgument as error:
        blame(error, node)
        raise


def as_status(error: BaseException, node: str) -> StatusError:
    """What the caller gets for an exception.

    Args:
        error: anything that was raised while a request ran.
        node: blamed when the error itself does not say which node it came from.
    """
    error = _only_status(error)
    if isinstance(error, StatusError):
        error.node = error.node or node
        return error
    name = getattr(error, _NODE, node)
    if isinstance(error, asyncio.CancelledError):
        return Cancelled("the request was cancelled", node=name)
    # A value that is too deep is told of: no node can know how deep others nest it, and to try again is of no use.
    is_deep = isinstance(error, EncodeError) and error.reason == TOO_DEEP
    what = f"a value of node '{name}' {TOO_DEEP}; to try again will not help" if is_deep else None
    status = Internal(what or f"internal error in node '{name}'", node=name)
    status.__cause__ = error.__cause__ if isinstance(error, EscapeError) else error
    return status
