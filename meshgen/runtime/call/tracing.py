"""Spans of a request and W3C trace context, the same in process and on the mesh.

Without `OTEL_EXPORTER_OTLP_ENDPOINT` a span records nothing and costs next to nothing, but a trace id still exists (so
that an error can quote it) and an incoming `traceparent` still goes on to the next hops, unchanged. With it, spans
go to that collector through the OpenTelemetry SDK, which is imported on first use and honours the standard variables
(`OTEL_TRACES_SAMPLER`, `OTEL_BSP_SCHEDULE_DELAY`, `OTEL_EXPORTER_OTLP_PROTOCOL`: `grpc` or `http/protobuf`).

Who makes which span: the executor one CLIENT span per call (service = the graph's name), whatever runs a node one
SERVER span (service = the node's name), the driver one SERVER span per request (service = the graph's name).
"""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from functools import cache
from types import TracebackType
from typing import Self

from meshgen.runtime.call.spans import Attributes, Backend, Kind, Position, Span, Value

GRAPH = "meshgen.graph"
NODE = "meshgen.node"
METHOD = "rpc.method"

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


def span(
    service: str,
    name: str,
    kind: Kind,
    *,
    parent: Mapping[str, object] | None = None,
    attributes: Attributes | None = None,
) -> Span:
    """A span below the current one, or below the one that `parent` names; current while its block runs.

    Args:
        service: its `service.name`: a node's name, or the graph's for the driver and its calls.
        name: of the span, `model.forward`.
        kind: `server`, `client` or `internal`.
        parent: metadata of an incoming request (lower-case keys), which starts a new position: its `traceparent` is
            continued, and without a valid one a new trace begins.
        attributes: of the span.
    """
    return _backend().span(service, name, kind, parent, attributes)


def trace_id() -> str:
    """The current trace as 32 hex digits; empty outside of every span."""
    parent = _backend().position()
    return parent.trace_id if parent else ""


def trace_of(metadata: Mapping[str, object]) -> str:
    """The trace that a request says it is part of; empty when it says none."""
    said = _incoming(metadata)
    return said.trace_id if said else ""


def outgoing() -> tuple[tuple[str, str], ...]:
    """`traceparent` (and `tracestate`) for the next hop; empty outside of every span."""
    return _headers(_backend().position())


def _headers(here: Position | None) -> tuple[tuple[str, str], ...]:
    if here is None:
        return ()
    head = ("traceparent", here.traceparent)
    return (head, ("tracestate", here.tracestate)) if here.tracestate else (head,)


def begin() -> Callable[[], Mapping[str, str]]:
    """Start a request that sends no spans, in a context of its own: no span is made, only a position.

    Call it when nothing is `recording`. The position is the caller's, or else a new one, whose ids are made when
    somebody asks.

    Returns:
        What tells the metadata of the request, as `outgoing` would have told it to the caller.
    """
    caller = _position.get()
    if caller is None:
        _position.set(_Later())
        return dict
    return lambda: dict(_headers(_resolved(caller)))


def recording() -> bool:
    """Spans are sent somewhere."""
    return _backend().records


def flush(timeout_s: float = 2.0) -> None:
    """Send what is waiting; gives up after `timeout_s` when the collector is away."""
    _backend().flush(timeout_s)


@cache
def _backend() -> Backend:
    """Chosen once per process: the SDK reads its environment once, too."""
    if not any(os.environ.get(name) for name in _ENDPOINTS) or _disabled():
        return _Passing()
    try:
        from meshgen.runtime.call.otel import Recording

        return Recording()
    except ImportError as e:
        print(f"meshgen: no traces are sent: {e} (pip install 'meshgen-serve[otel]')", file=sys.stderr)  # noqa: T201
        return _Passing()


def _disabled() -> bool:
    return os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"


def _incoming(metadata: Mapping[str, object]) -> Position | None:
    text = str(metadata.get("traceparent", "")).strip()
    match = _TRACEPARENT.fullmatch(text)
    return Position(match[1], text, str(metadata.get("tracestate", ""))) if match else None


# --- no collector ------------------------------------------------------------------------------------------------


class _Later:
    """The start of a new trace, whose ids nobody has asked for yet: to make them takes as long as some nodes do."""

    __slots__ = ("_made",)

    _one = threading.Lock()

    def __init__(self) -> None:
        self._made: Position | None = None

    def position(self) -> Position:
        with self._one:
            self._made = self._made or _fresh()
            return self._made


_position: ContextVar[Position | _Later | None] = ContextVar("meshgen_trace", default=None)


def _resolved(here: Position | _Later | None) -> Position | None:
    return here.position() if isinstance(here, _Later) else here


class _Still:
    """A span that changes nothing: the position is the caller's."""

    __slots__ = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def set(self, key: str, value: Value) -> None:
        pass

    def fail(self, error: BaseException) -> None:
        pass


class _Placed(_Still):
    """A span that records nothing, at a position of its own."""

    __slots__ = ("_here", "_token")

    def __init__(self, here: Position | _Later) -> None:
        self._here = here
        self._token: Token[Position | _Later | None] | None = None

    def __enter__(self) -> Self:
        self._token = _position.set(self._here)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._token is not None:
            _position.reset(self._token)


_STILL = _Still()


class _Passing:
    records = False

    def span(
        self,
        service: str,  # noqa: ARG002
        name: str,  # noqa: ARG002
        kind: Kind,  # noqa: ARG002
        parent: Mapping[str, object] | None,
        attributes: Attributes | None,  # noqa: ARG002
    ) -> Span:
        if parent is None and _position.get() is not None:
            return _STILL
        return _Placed((_incoming(parent) if parent else None) or _Later())

    def position(self) -> Position | None:
        return _resolved(_position.get())

    def flush(self, timeout_s: float) -> None:
        pass


def _fresh() -> Position:
    trace = os.urandom(16).hex()
    # Flag 00: nobody has recorded this parent, so a later hop that does record must not look for it.
    return Position(trace, f"00-{trace}-{os.urandom(8).hex()}-00")
