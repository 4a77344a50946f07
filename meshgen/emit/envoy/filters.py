"""HTTP filters of the public listener, in the order in which a request meets them."""

from __future__ import annotations

from collections.abc import Sequence

from meshgen.emit.envoy.admission import RATE_LIMIT, TRANSCODER, asks_own_host, body_required
from meshgen.emit.envoy.parts import extension, http_filter, typed
from meshgen.emit.envoy.replies import silent_errors
from meshgen.emit.envoy.routes import buffer_filter
from meshgen.emit.envoy.scripts import own_headers, scripts
from meshgen.emit.envoy.settings import HEALTH_PATH, EnvoySettings
from meshgen.emit.output.document import Document
from meshgen.limits import as_json, far_over, inside_of
from meshgen.plan.model import Service

CORS = "envoy.filters.http.cors"
_ALLOWED_HEADERS = "authorization,content-type,grpc-timeout,traceparent,tracestate,x-grpc-web,x-user-agent"
_EXPOSED_HEADERS = "grpc-message,grpc-status,grpc-status-details-bin"


def public_filters(clusters: Sequence[str], services: Sequence[Service], settings: EnvoySettings) -> list[Document]:
    """Health, browser access, rate limit, size limit, REST to gRPC, routing."""
    return [
        _health_check(clusters, settings),
        own_headers(),
        scripts(as_json(far_over(settings.max_message_bytes))),
        http_filter("cors", "cors.v3.Cors"),
        http_filter("grpc_web", "grpc_web.v3.GrpcWeb"),
        *rate_limit(settings),
        buffer_filter(settings),
        body_required(),
        _transcoder(services, settings),
        silent_errors(),
        router(),
    ]


def rate_limit(settings: EnvoySettings) -> list[Document]:
    """A bucket of tokens for the whole listener, filled once a second; nothing without a limit."""
    if settings.rate_limit is None:
        return []
    always = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    bucket = {"max_tokens": settings.rate_limit, "tokens_per_fill": settings.rate_limit, "fill_interval": "1s"}
    return [
        extension(
            RATE_LIMIT,
            "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
            stat_prefix="public",
            token_bucket=bucket,
            filter_enabled=always,
            filter_enforced=always,
            rate_limited_as_resource_exhausted=True,
            response_headers_to_add=[{"header": {"key": "retry-after", "value": "1"}}],
        )
    ]


def router() -> Document:
    """The last filter of every chain."""
    return http_filter("router", "router.v3.Router", suppress_envoy_headers=True)


def cors_policy(settings: EnvoySettings) -> Document:
    """Which pages may call, and what they may send and read."""
    return typed(
        "envoy.extensions.filters.http.cors.v3.CorsPolicy",
        allow_origin_string_match=[{"safe_regex": {"regex": origin}} for origin in settings.cors_origins],
        allow_methods="GET, POST, OPTIONS",
        allow_headers=_ALLOWED_HEADERS,
        expose_headers=_EXPOSED_HEADERS,
        max_age="86400",
    )


def _health_check(clusters: Sequence[str], settings: EnvoySettings) -> Document:
    # One healthy replica of a hundred will do; a cluster without replicas fails any share above zero.
    return http_filter(
        "health_check",
        "health_check.v3.HealthCheck",
        pass_through_mode=False,
        headers=[{"name": ":path", "string_match": {"exact": HEALTH_PATH}}, *asks_own_host(settings)],
        cluster_min_healthy_percentages={cluster: {"value": 1} for cluster in clusters},
    )


def _transcoder(services: Sequence[Service], settings: EnvoySettings) -> Document:
    return extension(
        TRANSCODER,
        "envoy.extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder",
        proto_descriptor=settings.descriptors,
        services=[each.service for each in services],
        auto_mapping=True,
        convert_grpc_status=True,
        # Empty lists are printed; unset fields are not, as all of them are `optional`. Fields are printed by their
        # `json_name`, which is their name in Python.
        print_options={"always_print_primitive_fields": True},
        request_validation_options={
            "reject_unknown_method": True,
            "reject_unknown_query_parameters": True,
            "reject_binding_body_field_collisions": True,
        },
        # The buffer filter has measured requests, and services measure their answers. Numbers take several times their
        # bytes as JSON, so this only ends what cannot be.
        max_request_body_size=as_json(far_over(settings.max_message_bytes)),
        max_response_body_size=inside_of(settings.max_message_bytes),
    )
