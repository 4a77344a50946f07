"""Spans that go to a collector, through the OpenTelemetry SDK; imported where an endpoint is set, and nowhere else."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from contextvars import Token
from types import TracebackType
from typing import TYPE_CHECKING, Self

from meshgen.runtime.call.spans import Attributes, Kind, Position, Span, Value
from meshgen.status import Code, StatusError

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
    from opentelemetry.trace import Span as OtelSpan
    from opentelemetry.trace import Tracer

STATUS = "rpc.grpc.status_code"

# Short, so that a person who has just sent a request sees its trace; the SDK's own default is 5 s.
_SCHEDULE_DELAY_MS = 300
_SHUTDOWN_MS = 2000


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


class Recording:
    """OpenTelemetry: one provider per `service.name`, one exporter and one sending thread for all of them."""

    records = True

    def __init__(self) -> None:
        import atexit

        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        delay = None if "OTEL_BSP_SCHEDULE_DELAY" in os.environ else _SCHEDULE_DELAY_MS
        self._processor: BatchSpanProcessor = BatchSpanProcessor(_exporter(), schedule_delay_millis=delay)
        self._tracers: dict[str, Tracer] = {}
        atexit.register(self._shutdown)

    def span(
        self,
        service: str,
        name: str,
        kind: Kind,
        parent: Mapping[str, object] | None,
        attributes: Attributes | None,
    ) -> Span:
        """A span that is sent when it ends."""
        from opentelemetry.trace import SpanKind

        tracer = self._tracers.get(service) or self._tracer(service)
        context = None if parent is None else _remote(parent)
        return _Recorded(tracer.start_span(name, context, SpanKind[kind.upper()], attributes))

    def position(self) -> Position | None:
        """The place of OpenTelemetry's current span."""
        from opentelemetry import trace

        here = trace.get_current_span().get_span_context()
        if not here.is_valid:
            return None
        trace_id = f"{here.trace_id:032x}"
        parent = f"00-{trace_id}-{here.span_id:016x}-{here.trace_flags:02x}"
        return Position(trace_id, parent, here.trace_state.to_header())

    def flush(self, timeout_s: float) -> None:
        """Send what is waiting, or give up."""
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


def _remote(metadata: Mapping[str, object]) -> Context:
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract(dict(metadata), Context())
