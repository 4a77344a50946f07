"""Routes and retries. A service's routes carry its full package, so services never shadow each other."""

from __future__ import annotations

from meshgen.emit.document import Document
from meshgen.emit.envoy.parts import extension, seconds
from meshgen.emit.envoy.settings import FRONT_CLUSTER, EnvoySettings
from meshgen.plan.model import Workload

# Serve takes a header of this name for the application to call.
HEADERS_TO_REMOVE = ["application"]
_FRONT_PREFIXES = ("/grpc.reflection.", "/grpc.health.v1.")


def public_routes(workload: Workload, settings: EnvoySettings) -> Document:
    """Callers from outside: Envoy gives each a deadline, and passes on what is left of it."""
    durations = {
        "max_stream_duration": seconds(settings.default_timeout_s),
        "grpc_timeout_header_max": seconds(settings.max_timeout_s),
    }
    return _route(workload, settings, {"timeout": "0s", "max_stream_duration": durations})


def mesh_route(workload: Workload, settings: EnvoySettings) -> Document:
    """Callers from the mesh: they bring a deadline and keep it; a second timer here would race theirs."""
    return _route(workload, settings, {"timeout": "0s"})


def front_routes(settings: EnvoySettings) -> list[Document]:
    """Reflection and health of the whole front."""
    return [
        {
            "match": {"prefix": prefix, "grpc": {}},
            "route": {
                "cluster": FRONT_CLUSTER,
                "timeout": "0s",
                "max_stream_duration": {"max_stream_duration": seconds(settings.max_timeout_s)},
            },
        }
        for prefix in _FRONT_PREFIXES
    ]


def _route(workload: Workload, settings: EnvoySettings, times: Document) -> Document:
    return {
        "match": {"prefix": f"/{workload.service}/", "grpc": {}},
        "route": {"cluster": workload.application, **times, "retry_policy": _retries(idempotent=workload.idempotent)},
        # A request can only be tried again while it is still held.
        "request_body_buffer_limit": settings.max_body_bytes,
    }


def _retries(*, idempotent: bool) -> Document:
    """Never after an answer of the service: an application's UNAVAILABLE is its own.

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
        "host_selection_retry_max_attempts": 3,
    }
