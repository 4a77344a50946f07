"""Routes and retries. A service's routes carry its full package, so services never shadow each other."""

from __future__ import annotations

from collections.abc import Sequence

from meshgen.emit.envoy.parts import extension, http_filter, seconds, typed
from meshgen.emit.envoy.settings import DOCS_PATH, FRONT_CLUSTER, OPENAPI_PATH, PAGES_CLUSTER, EnvoySettings
from meshgen.emit.output.document import Document
from meshgen.limits import as_json, far_over
from meshgen.plan.model import Service

# Serve takes a header of this name for the application to call.
HEADERS_TO_REMOVE = ["application"]
BUFFER = "envoy.filters.http.buffer"
RATE_LIMIT = "envoy.filters.http.local_ratelimit"
TRANSCODER = "envoy.filters.http.grpc_json_transcoder"
_DISABLED = typed("envoy.config.route.v3.FilterConfig", disabled=True)
_FRONT_PREFIXES = ("/grpc.reflection.", "/grpc.health.v1.")


def public_routes(service: Service, paths: Sequence[str], settings: EnvoySettings) -> list[Document]:
    """Callers from outside: Envoy gives each a deadline, passes on what is left of it, and measures the request.

    REST requests meet their route before they are transcoded, so theirs is measured as JSON.
    """
    durations = {
        "max_stream_duration": seconds(service.timeout_s),
        "grpc_timeout_header_max": seconds(max(service.timeout_s, settings.max_timeout_s)),
    }
    times: Document = {"timeout": "0s", "max_stream_duration": durations}
    limit = far_over(settings.max_message_bytes)
    small = _says_at_most(as_json(limit))
    prefix: Document = {"prefix": f"/{service.service}/"}
    rest: list[Document] = [{"path": path, "headers": headers} for path in paths for headers in (_IS_POST, _ASKS_FIRST)]
    return [
        _measured(_route({**prefix, "headers": [_IS_GRPC]}, service, settings, times), limit),
        # JSON of a known size need not be collected: it is read piece by piece, and others get their turn in between.
        *(_route(_with_header(match, small), service, settings, times) for match in [*rest, prefix]),
        *(_measured(_route(match, service, settings, times), as_json(limit)) for match in [*rest, prefix]),
        *(_other_method(path, "POST") for path in paths),
    ]


def mesh_route(service: Service, settings: EnvoySettings) -> Document:
    """Callers from the mesh: they bring a deadline and keep it; a second timer here would race theirs."""
    return _route({"prefix": f"/{service.service}/"}, service, settings, {"timeout": "0s"})


def front_routes(settings: EnvoySettings) -> list[Document]:
    """Reflection and health of the whole front."""
    return [
        {
            "match": {"prefix": prefix, "headers": [_IS_GRPC]},
            "route": {
                "cluster": FRONT_CLUSTER,
                "timeout": "0s",
                "max_stream_duration": {"max_stream_duration": seconds(settings.max_timeout_s)},
            },
            "typed_per_filter_config": {RATE_LIMIT: _DISABLED},
        }
        for prefix in _FRONT_PREFIXES
    ]


def page_routes() -> list[Document]:
    """The pages of the front service, which no filter for calls may touch."""
    matches: list[Document] = [{"path": DOCS_PATH}, {"prefix": f"{DOCS_PATH}/assets/"}, {"path": OPENAPI_PATH}]
    pages: list[Document] = [
        {
            "match": {**match, "headers": [_IS_GET]},
            "route": {"cluster": PAGES_CLUSTER},
            "typed_per_filter_config": {TRANSCODER: _DISABLED, RATE_LIMIT: _DISABLED},
        }
        for match in matches
    ]
    slash = {
        "match": {"path": f"{DOCS_PATH}/", "headers": [_IS_GET]},
        "redirect": {"path_redirect": DOCS_PATH},
        "typed_per_filter_config": {TRANSCODER: _DISABLED},
    }
    return [*pages, slash, *(_other_method(path, "GET, HEAD") for path in (DOCS_PATH, OPENAPI_PATH))]


def buffer_filter(settings: EnvoySettings) -> Document:
    """Counts the bytes of a request, which the transcoder does not; only on the routes that ask for it."""
    return {
        **http_filter("buffer", "buffer.v3.Buffer", max_request_bytes=far_over(settings.max_message_bytes)),
        "disabled": True,
    }


def _says_at_most(size: int) -> Document:
    return {"name": "content-length", "range_match": {"start": "0", "end": str(size + 1)}}


def _with_header(match: Document, header: Document) -> Document:
    return {**match, "headers": [*match.get("headers", ()), header]}


def _measured(route: Document, limit: int) -> Document:
    """The route, for requests of at most `limit` bytes."""
    buffer = typed("envoy.extensions.filters.http.buffer.v3.BufferPerRoute", buffer={"max_request_bytes": limit})
    return {**route, "typed_per_filter_config": {BUFFER: buffer}}


def _other_method(path: str, allowed: str) -> Document:
    """The answer to other methods; the transcoder would know nothing better than that there is no such path."""
    return {
        "match": {"path": path},
        "direct_response": {"status": 405},
        "response_headers_to_add": [{"header": {"key": "allow", "value": allowed}}],
        "typed_per_filter_config": {TRANSCODER: _DISABLED},
    }


def _is_method(pattern: str) -> Document:
    return {"name": ":method", "string_match": {"safe_regex": {"regex": pattern}}}


_IS_POST = [_is_method("POST")]
# What a browser asks before it posts.
_ASKS_FIRST: list[Document] = [_is_method("OPTIONS"), {"name": "access-control-request-method", "present_match": True}]
_IS_GET = _is_method("GET|HEAD")


# gRPC-Web too, which a `grpc` matcher would not see.
_IS_GRPC: Document = {"name": "content-type", "string_match": {"prefix": "application/grpc"}}


def _route(match: Document, service: Service, settings: EnvoySettings, times: Document) -> Document:
    return {
        "match": match,
        "route": {"cluster": service.application, **times, "retry_policy": _retries(idempotent=service.idempotent)},
        # A request can only be tried again while it is still held.
        "request_body_buffer_limit": settings.max_message_bytes,
    }


def _retries(*, idempotent: bool) -> Document:
    """Never after an answer of the service: an application's UNAVAILABLE is its own.

    So retries here and those that its driver has at the mesh listener do not multiply when replicas of a node are lost.
    `reset` also covers requests that a lost replica may have begun; the others are those that it cannot have seen.
    """
    lost = "reset" if idempotent else "reset-before-request"
    return {
        "retry_on": f"connect-failure,refused-stream,{lost}",
        "num_retries": 3,
        "retry_back_off": {"base_interval": "0.025s", "max_interval": "0.25s"},
        "retry_host_predicate": [
            extension(
                "envoy.retry_host_predicates.previous_hosts",
                "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
            )
        ],
        # The lost replica is the least busy one, and so is picked again and again until it is ejected.
        "host_selection_retry_max_attempts": 20,
    }
