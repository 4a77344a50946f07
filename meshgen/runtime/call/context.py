"""What user code can know of its request, to any depth of calls. Standard library only."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Protocol

_COUNTING = threading.Lock()
"""One lock for all requests: waits are few, and what users keep of a request can be pickled."""


@dataclass(slots=True)
class Grace:
    """Time that does not count against a request: in process, nodes are constructed while the first one waits."""

    _over: float = 0.0
    """Seconds of the waits that are over."""
    _waits: int = 0
    """How many waits there are now; parts of a request that run at the same time may wait at the same time."""
    _since: float = 0.0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Time in here does not count against the request; several waits at a time are as long as one."""
        with _COUNTING:
            if self._waits == 0:
                self._since = time.monotonic()
            self._waits += 1
        try:
            yield
        finally:
            with _COUNTING:
                self._waits -= 1
                if self._waits == 0:
                    self._over += time.monotonic() - self._since

    @property
    def seconds(self) -> float:
        """How long at least one part of the request has waited."""
        with _COUNTING:
            return self._over + (time.monotonic() - self._since if self._waits else 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestContext:
    """One request, as seen from the node that asks."""

    graph: str
    route: str = "/"
    node: str | None = None
    """The node whose code is running; None in the driver."""
    metadata: Mapping[str, str | bytes | tuple[bytes, ...]] = field(default_factory=dict)
    """The client's gRPC metadata or HTTP headers, keys in lower case.

    The value of a key that ends in `-bin` is bytes, or several when it came several times; of others it is a text, with
    commas between what came several times.
    """
    deadline: float | None = None
    """When the request must end, in seconds on the clock of `time.monotonic()`; None when there is no limit."""
    trace_id: str = ""
    """W3C trace id, 32 hex digits."""
    grace: Grace = field(default_factory=Grace, repr=False, compare=False)
    passed_on: list[tuple[str, str | bytes]] = field(default_factory=list, repr=False, compare=False)
    """What of the request goes to every node that is called for it, as metadata; empty until the first one is."""

    def remaining(self) -> float | None:
        """Seconds left until the deadline (negative when it has passed); None without one."""
        return None if self.deadline is None else self.deadline + self.grace.seconds - time.monotonic()


class LazyRequest(Protocol):
    """A request whose context is made when somebody asks for it, because few do."""

    def context(self) -> RequestContext:
        """The context, as seen from the node whose code is running now."""


CURRENT: ContextVar[RequestContext | LazyRequest] = ContextVar("meshgen_request")


def current() -> RequestContext | None:
    """The request that the calling code works for; None outside of one."""
    request = CURRENT.get(None)
    return request if request is None or isinstance(request, RequestContext) else request.context()


def current_request() -> RequestContext:
    """The request that the calling code works for.

    Raises:
        LookupError: outside of a request.
    """
    request = current()
    if request is None:
        message = "current_request() is only known while a request runs"
        raise LookupError(message)
    return request
