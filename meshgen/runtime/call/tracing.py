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
from dataclasses import dataclass
from functools import cache
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Protocol, Self, TypeAlias

from meshgen.status import Code, StatusError

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
    from opentelemetry.trace import Span as OtelSpan
    from opentelemetry.trace import Tracer

Kind: TypeAlias = Literal["server", "client", "internal"]
Value: TypeAlias = str | int | float | bool
Attributes: TypeAlias = Mapping[str, Value]

GRAPH = "meshgen.graph"
NODE = "meshgen.node"
METHOD = "rpc.method"
STATUS = "rpc.grpc.status_code"

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
# Short, so that a person who has just sent a request sees its trace; the SDK's own default is 5 s.
_SCHEDULE_DELAY_MS = 300
_SHUTDOWN_MS = 2000


class Span(Protocol):
    """What `with span(...) as s` gives. An exception that leaves the block marks the span as failed."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def set(self, key: str, value: Value) -> None:
        """Add an attribute."""

    def fail(self, error: BaseException) -> None:
        """Mark the span as failed by an error that does not leave the block."""


def span(
    service: str,
    name: str,
    kind: Kind,
    *,
    parent: Mapping[str, str] | None = None,
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


def outgoing() -> tuple[tuple[str, str], ...]:
    """`traceparent` (and `tracestate`) for the next hop; empty outside of every span."""
    return _headers(_backend().position())


def _headers(here: _Position | None) -> tuple[tuple[str, str], ...]:
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
    return isinstance(_backend(), _Recording)


def flush(timeout_s: float = 2.0) -> None:
    """Send what is waiting; gives up after `timeout_s` when the collector is away."""
    _backend().flush(timeout_s)


@dataclass(frozen=True, slots=True)
class _Position:
    """A place in a trace."""

    trace_id: str
    traceparent: str
    tracestate: str = ""


class _Backend(Protocol):
    def span(
        self, service: str, name: str, kind: Kind, parent: Mapping[str, str] | None, attributes: Attributes | None
    ) -> Span: ...

    def position(self) -> _Position | None: ...

    def flush(self, timeout_s: float) -> None: ...


@cache
def _backend() -> _Backend:
    """Chosen once per process: the SDK reads its environment once, too."""
    if not any(os.environ.get(name) for name in _ENDPOINTS) or _disabled():
        return _Passing()
    try:
        return _Recording()
    except ImportError as e:
        print(f"meshgen: no traces are sent: {e} (pip install 'meshgen[otel]')", file=sys.stderr)  # noqa: T201
        return _Passing()


def _disabled() -> bool:
    return os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"


def _incoming(metadata: Mapping[str, str]) -> _Position | None:
    text = metadata.get("traceparent", "").strip()
    match = _TRACEPARENT.fullmatch(text)
    return _Position(match[1], text, metadata.get("tracestate", "")) if match else None


# --- no collector ------------------------------------------------------------------------------------------------


class _Later:
    """The start of a new trace, whose ids nobody has asked for yet: to make them takes as long as some nodes do."""

    __slots__ = ("_made",)

    _one = threading.Lock()

    def __init__(self) -> None:
        self._made: _Position | None = None

    def position(self) -> _Position:
        with self._one:
            self._made = self._made or _fresh()
            return self._made


_position: ContextVar[_Position | _Later | None] = ContextVar("meshgen_trace", default=None)


def _resolved(here: _Position | _Later | None) -> _Position | None:
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

    def __init__(self, here: _Position | _Later) -> None:
        self._here = here
        self._token: Token[_Position | _Later | None] | None = None

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
    def span(
        self,
        service: str,  # noqa: ARG002
        name: str,  # noqa: ARG002
        kind: Kind,  # noqa: ARG002
        parent: Mapping[str, str] | None,
        attributes: Attributes | None,  # noqa: ARG002
    ) -> Span:
        if parent is None and _position.get() is not None:
            return _STILL
        return _Placed((_incoming(parent) if parent else None) or _Later())

    def position(self) -> _Position | None:
        return _resolved(_position.get())

    def flush(self, timeout_s: float) -> None:
        pass


def _fresh() -> _Position:
    trace = os.urandom(16).hex()
    # Flag 00: nobody has recorded this parent, so a later hop that does record must not look for it.
    return _Position(trace, f"00-{trace}-{os.urandom(8).hex()}-00")


# --- with a collector ----------------------------------------------------------------------------------------------


class _Recorded:
    __slots__ = ("_span", "_token")

    def __init__(self, span: OtelSpan) -> None:
        self._span = span
        self._token: Token[Context] | None = None

    def __enter__(self) -> Self:
        from opentelemetry import context, trace

        # OpenTelemetry's own context: instrumentation in user code then continues this trace.
        self._token = context.attach(trace.set_span_in_context(self._span))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        from opentelemetry import context

        if error is not None:
            self.fail(error)
        if self._token is not None:
            context.detach(self._token)
        self._span.end()

    def set(self, key: str, value: Value) -> None:
        self._span.set_attribute(key, value)

    def fail(self, error: BaseException) -> None:
        from opentelemetry.trace import StatusCode

        code = _code(error)
        # What the user's code raised says more than the status made from it.
        self._span.record_exception(error.__cause__ or error)
        self._span.set_attribute(STATUS, int(code))
        self._span.set_status(StatusCode.ERROR, f"{code.name}: {error}" if str(error) else code.name)


def _code(error: BaseException) -> Code:
    if isinstance(error, StatusError):
        return error.code
    # asyncio.CancelledError by name: asyncio need not be imported for it.
    return Code.CANCELLED if type(error).__name__ == "CancelledError" else Code.INTERNAL


class _Recording:
    """OpenTelemetry: one provider per `service.name`, one exporter and one sending thread for all of them."""

    def __init__(self) -> None:
        import atexit

        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        delay = None if "OTEL_BSP_SCHEDULE_DELAY" in os.environ else _SCHEDULE_DELAY_MS
        self._processor: BatchSpanProcessor = BatchSpanProcessor(_exporter(), schedule_delay_millis=delay)
        self._tracers: dict[str, Tracer] = {}
        atexit.register(self._shutdown)

    def span(
        self, service: str, name: str, kind: Kind, parent: Mapping[str, str] | None, attributes: Attributes | None
    ) -> Span:
        from opentelemetry.trace import SpanKind

        tracer = self._tracers.get(service) or self._tracer(service)
        context = None if parent is None else _remote(parent)
        return _Recorded(tracer.start_span(name, context, SpanKind[kind.upper()], attributes))

    def position(self) -> _Position | None:
        from opentelemetry import trace

        here = trace.get_current_span().get_span_context()
        if not here.is_valid:
            return None
        trace_id = f"{here.trace_id:032x}"
        parent = f"00-{trace_id}-{here.span_id:016x}-{here.trace_flags:02x}"
        return _Position(trace_id, parent, here.trace_state.to_header())

    def flush(self, timeout_s: float) -> None:
        # The SDK's force_flush knows no timeout, so it is waited for, and left, in a thread.
        thread = threading.Thread(target=self._processor.force_flush, daemon=True)
        thread.start()
        thread.join(timeout_s)

    def _tracer(self, service: str) -> Tracer:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider

        provider = TracerProvider(resource=Resource.create({"service.name": service}), shutdown_on_exit=False)
        provider.add_span_processor(self._processor)
        # Kept, because a provider makes a new one each time it is asked, which takes a third of a span's time.
        return self._tracers.setdefault(service, provider.get_tracer("meshgen"))

    def _shutdown(self) -> None:
        # Not `processor.shutdown()`, which waits 30 s for a collector that is away.
        self._processor._batch_processor.shutdown(timeout_millis=_SHUTDOWN_MS)


def _exporter() -> SpanExporter:
    protocol = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL")
    if protocol == "http/protobuf":
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter

        return HttpExporter()
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter

    return GrpcExporter()


def _remote(metadata: Mapping[str, str]) -> Context:
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract(dict(metadata), Context())
