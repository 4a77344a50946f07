"""Spans and access logs of both listeners."""

from __future__ import annotations

from meshgen.emit.envoy.parts import extension, seconds
from meshgen.emit.envoy.settings import OTLP_CLUSTER, Otlp
from meshgen.emit.output.document import Document, without_empty

_SAMPLERS = "envoy.extensions.tracers.opentelemetry.samplers.v3"
_TIMEOUT_S = 2.0


def tracing(otlp: Otlp | None, service_name: str) -> Document | None:
    """The tracing part of a connection manager: a span for the request and one for the call upstream."""
    if otlp is None:
        return None
    return {
        "provider": extension(
            "envoy.tracers.opentelemetry",
            "envoy.config.trace.v3.OpenTelemetryConfig",
            service_name=service_name,
            sampler=_sampler(otlp),
            **_exporter(otlp),
        ),
        "spawn_upstream_span": True,
        # Names a person can read: the path that was asked for, and the cluster that is asked.
        "operation": "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
        "upstream_operation": "%UPSTREAM_CLUSTER%",
    }


def access_log(path: str | None) -> list[Document]:
    """One JSON line per request."""
    if path is None:
        return []
    log_format = {"json_format": _LOG_FIELDS, "omit_empty_values": True}
    return [
        extension(
            "envoy.access_loggers.file",
            "envoy.extensions.access_loggers.file.v3.FileAccessLog",
            path=path,
            log_format=log_format,
        )
    ]


_LOG_FIELDS: Document = {
    "time": "%START_TIME%",
    "method": "%REQ(:METHOD)%",
    "path": "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
    "status": "%RESPONSE_CODE%",
    "grpc_status": "%GRPC_STATUS%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "flags": "%RESPONSE_FLAGS%",
    "duration_ms": "%DURATION%",
    "bytes_in": "%BYTES_RECEIVED%",
    "bytes_out": "%BYTES_SENT%",
    "cluster": "%UPSTREAM_CLUSTER%",
    "upstream": "%UPSTREAM_HOST%",
    "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    "trace_id": "%TRACE_ID%",
    "request_id": "%REQ(X-REQUEST-ID)%",
}


def _sampler(otlp: Otlp) -> Document:
    # Without a sampler an incoming traceparent would override Envoy's own sampling.
    share = extension(
        "envoy.tracers.opentelemetry.samplers.trace_id_ratio_based",
        f"{_SAMPLERS}.TraceIdRatioBasedSamplerConfig",
        sampling_percentage={"numerator": round(otlp.sampling_percent * 10_000), "denominator": "MILLION"},
    )
    return extension(
        "envoy.tracers.opentelemetry.samplers.parent_based",
        f"{_SAMPLERS}.ParentBasedSamplerConfig",
        wrapped_sampler=share,
    )


def _exporter(otlp: Otlp) -> Document:
    if otlp.protocol == "grpc":
        service = {
            "envoy_grpc": {"cluster_name": OTLP_CLUSTER},
            "timeout": seconds(_TIMEOUT_S),
            "initial_metadata": [{"key": key, "value": value} for key, value in otlp.headers] or None,
        }
        return {"grpc_service": without_empty(service)}
    headers = [{"header": {"key": key, "value": value}} for key, value in otlp.headers]
    uri = {"uri": otlp.uri, "cluster": OTLP_CLUSTER, "timeout": seconds(_TIMEOUT_S)}
    return {"http_service": without_empty({"http_uri": uri, "request_headers_to_add": headers or None})}
