"""An OTLP/gRPC receiver in memory, which may write a file too, and a trace as a tree of text."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import grpc
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtlpSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from meshgen.harmless import escaped

_MAX_TRACES = 1000
_MAX_SPANS_OF_A_TRACE = 5000
_MAX_REQUEST_BYTES = 16 * 1024 * 1024
_POLL_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedSpan:
    """One span. Ids are hex digits; times are Unix nanoseconds."""

    trace_id: str
    span_id: str
    parent_id: str
    """It is empty for a root."""
    service: str
    """`service.name` of its resource."""
    name: str
    kind: str
    """`server`, `client`, `internal`…"""
    start_ns: int
    end_ns: int
    error: bool = False
    message: str = ""
    """The message of its status."""
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def duration_ms(self) -> float:
        """Milliseconds from start to end."""
        return (self.end_ns - self.start_ns) / 1e6


class Receiver:
    """Takes spans on a loopback port. A context manager: it serves while its block runs.

    Memory is bounded: the oldest traces go first, and a trace keeps at most 5000 spans.
    """

    def __init__(self, port: int = 0, file: Path | None = None) -> None:
        """Bind to a port of 127.0.0.1; 0 takes a free one.

        Args:
            port: where to listen.
            file: gets what comes as OTLP JSON, a line each, as from the OpenTelemetry collector's file exporter.

        Raises:
            RuntimeError: the port is taken.
            OSError: the file cannot be written.
        """
        self._file = None if file is None else file.open("w", encoding="utf-8")
        self._traces: OrderedDict[str, list[ReceivedSpan]] = OrderedDict()
        self._lock = threading.Lock()
        options = (("grpc.max_receive_message_length", _MAX_REQUEST_BYTES), ("grpc.so_reuseport", 0))
        self._server = grpc.server(ThreadPoolExecutor(2, "otlp"), options=options)
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(_Service(self), self._server)  # type: ignore[no-untyped-call]
        self.port = self._server.add_insecure_port(f"127.0.0.1:{port}")

    @property
    def endpoint(self) -> str:
        """The value for `OTEL_EXPORTER_OTLP_ENDPOINT`."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop(0.2).wait(1.0)
        if self._file is not None:
            self._file.close()

    def keep(self, request: Any) -> None:
        """Write what has come to the file, if there is one."""
        if self._file is not None:
            line = json.dumps(_as_json(request), separators=(",", ":"))
            with self._lock:
                self._file.write(line + "\n")
                self._file.flush()

    def spans(self, trace_id: str) -> tuple[ReceivedSpan, ...]:
        """The spans of a trace that have come so far, by start."""
        with self._lock:
            return tuple(sorted(self._traces.get(trace_id, ()), key=lambda s: s.start_ns))

    def trace_ids(self) -> tuple[str, ...]:
        """The traces, oldest first."""
        with self._lock:
            return tuple(self._traces)

    def wait(self, trace_id: str, services: Iterable[str] = (), timeout_s: float = 10.0) -> tuple[ReceivedSpan, ...]:
        """The spans of a trace once every one of `services` has sent one and every parent is there.

        Spans come in batches, each process's own. When time runs out, what is there.
        """
        wanted = set(services)
        end = time.monotonic() + timeout_s
        while True:
            spans = self.spans(trace_id)
            if spans and wanted <= {s.service for s in spans} and _is_whole(spans):
                return spans
            if time.monotonic() > end:
                return spans
            time.sleep(_POLL_S)

    def add(self, spans: Iterable[ReceivedSpan]) -> None:
        """Take spans in."""
        with self._lock:
            for span in spans:
                trace = self._traces.setdefault(span.trace_id, [])
                if len(trace) < _MAX_SPANS_OF_A_TRACE:
                    trace.append(span)
            while len(self._traces) > _MAX_TRACES:
                self._traces.popitem(last=False)


class _Service(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    def Export(self, request: Any, _context: Any) -> Any:  # noqa: N802
        self._receiver.keep(request)
        self._receiver.add(_read(request))
        return trace_service_pb2.ExportTraceServiceResponse()


def _read(request: Any) -> Iterator[ReceivedSpan]:
    for resource in request.resource_spans:
        service = str(_attributes(resource.resource.attributes).get("service.name", ""))
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield ReceivedSpan(
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent_id=span.parent_span_id.hex(),
                    service=service,
                    name=span.name,
                    kind=OtlpSpan.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
                    start_ns=span.start_time_unix_nano,
                    end_ns=span.end_time_unix_nano,
                    error=span.status.code == Status.STATUS_CODE_ERROR,
                    message=span.status.message,
                    attributes=_attributes(span.attributes),
                )


def _as_json(request: Any) -> dict[str, Any]:
    """OTLP has its own JSON: ids are hex digits there, not base64."""
    document: dict[str, Any] = json_format.MessageToDict(request)
    for resource in document.get("resourceSpans", ()):
        for scope in resource.get("scopeSpans", ()):
            for span in (
                *scope.get("spans", ()),
                *(link for s in scope.get("spans", ()) for link in s.get("links", ())),
            ):
                for key in ("traceId", "spanId", "parentSpanId"):
                    if key in span:
                        span[key] = base64.b64decode(span[key]).hex()
    return document


def _attributes(pairs: Any) -> dict[str, Any]:
    return {p.key: getattr(p.value, p.value.WhichOneof("value") or "string_value") for p in pairs}


def _is_whole(spans: Sequence[ReceivedSpan]) -> bool:
    """Whether at most one parent is unknown: the client's own span, which nobody sends here."""
    known = {s.span_id for s in spans}
    return len({s.parent_id for s in spans if s.parent_id not in known}) == 1


# --- as text -------------------------------------------------------------------------------------------------------


def render_tree(spans: Sequence[ReceivedSpan]) -> str:
    """A trace as a tree, one span a line: service, name, kind, start (ms after the first span) and duration.

    Columns line up; a failed span ends with ERROR and its message. Spans whose parent is missing stand at the root.
    """
    if not spans:
        return ""
    lines = list(_lines(spans))
    width = max(len(label) for label, _, _ in lines)
    zero = min(s.start_ns for s in spans)
    return "\n".join(f"{label:<{width}}  {_times(s, zero)}{error}" for label, s, error in lines)


def _lines(spans: Sequence[ReceivedSpan]) -> Iterator[tuple[str, ReceivedSpan, str]]:
    known = {s.span_id for s in spans}
    children: dict[str, list[ReceivedSpan]] = {}
    for span in sorted(spans, key=lambda s: (s.start_ns, s.end_ns, s.span_id)):
        children.setdefault(span.parent_id if span.parent_id in known else "", []).append(span)

    def walk(span: ReceivedSpan, first: str, rest: str) -> Iterator[tuple[str, ReceivedSpan, str]]:
        error = f"  ERROR {_one_line(span.message)}".rstrip() if span.error else ""
        yield f"{first}{_one_line(span.service)}  {_one_line(span.name)} ({span.kind})", span, error
        below = children.get(span.span_id, [])
        for child in below:
            last = child is below[-1]
            yield from walk(child, rest + ("└─ " if last else "├─ "), rest + ("   " if last else "│  "))

    for root in children.get("", []):
        yield from walk(root, "", "")


def _one_line(text: str) -> str:
    return escaped(text).replace("\n", "\\n")


def _times(span: ReceivedSpan, zero: int) -> str:
    return f"+{(span.start_ns - zero) / 1e6:8.1f} ms {span.duration_ms:8.1f} ms"
