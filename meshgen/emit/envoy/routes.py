"""Routes and retries. A service's routes carry its full package, so services never shadow each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from meshgen.emit.envoy.admission import (
    DISABLED,
    ENABLED,
    IS_GRPC,
    IS_JSON,
    IS_POST,
    NO_BODY,
    RATE_LIMIT,
    TRANSCODER,
    not_json,
    refusal,
)
from meshgen.emit.envoy.parts import extension, http_filter, seconds, typed
from meshgen.emit.envoy.replies import SILENT_ERRORS
from meshgen.emit.envoy.scripts import COUNTED, SCRIPTS, for_grpc_core
from meshgen.emit.envoy.settings import DOCS_PATH, FRONT_CLUSTER, OPENAPI_PATH, PAGES_CLUSTER, EnvoySettings
from meshgen.emit.output.document import Document
from meshgen.limits import TRIED_HEADER, as_json, far_over
from meshgen.plan.model import Service

BUFFER = "envoy.filters.http.buffer"
_NOT_FOR_GRPC = {SILENT_ERRORS: DISABLED, SCRIPTS: DISABLED}
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
    unmeasured = {"metadata": {"filter_metadata": {SCRIPTS: {COUNTED: True}}}}
    prefix: Document = {"prefix": f"/{service.service}/"}
    rest: list[Document] = [prefix, *({"path": path} for path in paths)]
    json = [{**match, "headers": [IS_POST, IS_JSON]} for match in rest]
    streams = [{"path": f"/{service.service}/{rpc}", "headers": [IS_GRPC]} for rpc in service.streamed]
    return [
        # Not collected, which would last until the last message; the replica measures each.
        *({**_route(match, service, settings, times), "typed_per_filter_config": _NOT_FOR_GRPC} for match in streams),
        _measured(_route({**prefix, "headers": [IS_GRPC]}, service, settings, times), limit, _NOT_FOR_GRPC),
        # JSON is not collected but read piece by piece, and others get their turn in between: in one go, two million
        # objects take ten seconds. Where its size is not known, a script counts.
        *(_route({**match, "headers": [IS_POST, IS_JSON, small]}, service, settings, times) for match in rest),
        *(
            {**_route({**match, "headers": [IS_POST, IS_JSON, _SAYS_NOTHING]}, service, settings, times), **unmeasured}
            for match in rest
        ),
        *(_measured(_route(match, service, settings, times), as_json(limit), {NO_BODY: ENABLED}) for match in json),
        *(not_json(match) for match in rest),
        *(_other_method(path, "POST") for path in paths),
    ]


def mesh_routes(service: Service, settings: EnvoySettings) -> list[Document]:
    """Callers from the mesh: they bring a deadline and keep it; a second timer here would race theirs."""
    prefix: Document = {"prefix": f"/{service.service}/"}
    times: Document = {"timeout": "0s"}
    tried = {**prefix, "headers": [{"name": TRIED_HEADER, "present_match": True}]}
    return [
        *([_route(tried, replace(service, idempotent=False), settings, times)] if service.idempotent else []),
        _route(prefix, service, settings, times),
    ]


def front_routes(settings: EnvoySettings) -> list[Document]:
    """Reflection and health of the whole front."""
    return [
        {
            "match": {"prefix": prefix, "headers": [IS_GRPC]},
            "route": {
                "cluster": FRONT_CLUSTER,
                "timeout": "0s",
                "max_stream_duration": {"max_stream_duration": seconds(settings.max_timeout_s)},
            },
            "typed_per_filter_config": {RATE_LIMIT: DISABLED, **for_grpc_core()},
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
            "typed_per_filter_config": {TRANSCODER: DISABLED, RATE_LIMIT: DISABLED},
        }
        for match in matches
    ]
    slash = {
        "match": {"path": f"{DOCS_PATH}/", "headers": [_IS_GET]},
        "redirect": {"path_redirect": DOCS_PATH},
        "typed_per_filter_config": {TRANSCODER: DISABLED},
    }
    return [*pages, slash, *(_other_method(path, "GET, HEAD") for path in (DOCS_PATH, OPENAPI_PATH))]


def buffer_filter(settings: EnvoySettings) -> Document:
    """Counts the bytes of a request, which the transcoder does not; only on the routes that ask for it."""
    return {
        **http_filter("buffer", "buffer.v3.Buffer", max_request_bytes=far_over(settings.max_message_bytes)),
        "disabled": True,
    }


def _says_at_most(size: int) -> Document:
    """A body, of no more than `size` bytes."""
    return {"name": "content-length", "range_match": {"start": "1", "end": str(size + 1)}}


_SAYS_NOTHING: Document = {"name": "content-length", "present_match": True, "invert_match": True}


def _measured(route: Document, limit: int, filters: Document) -> Document:
    """The route, for requests of at most `limit` bytes; with what it says of other filters."""
    buffer = typed("envoy.extensions.filters.http.buffer.v3.BufferPerRoute", buffer={"max_request_bytes": limit})
    return {**route, "typed_per_filter_config": {BUFFER: buffer, **filters}}


def _other_method(path: str, allowed: str) -> Document:
    """The answer to other methods."""
    allow = {"header": {"key": "allow", "value": allowed}}
    return {**refusal({"path": path}, 405), "response_headers_to_add": [allow]}


_IS_GET: Document = {"name": ":method", "string_match": {"safe_regex": {"regex": "GET|HEAD"}}}


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
    `reset` also covers requests that a lost replica may have begun: one more replica may hear of such a request, and no
    third, as it may be what ends them. The others are those that no replica can have seen. Envoy counts all together.
    """
    lost, most = ("reset", 1) if idempotent else ("reset-before-request", 3)
    return {
        "retry_on": f"connect-failure,refused-stream,{lost}",
        "num_retries": most,
        "retry_back_off": {"base_interval": "0.025s", "max_interval": "0.25s"},
        "retry_host_predicate": [
            extension(
                "envoy.retry_host_predicates.previous_hosts",
                "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
            )
        ],
        # The lost replica is the least busy one, and so is picked again and again until it is ejected.
        "host_selection_retry_max_attempts": 100,
    }
