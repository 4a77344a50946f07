"""Clusters: where requests may go, and when a replica is left out.

Only failures of the connection eject a replica. Statuses do not: a node that raises UNAVAILABLE or has a bug would
otherwise lose its healthy replicas one by one.
"""

from __future__ import annotations

from meshgen.emit.envoy.endpoints import endpoints_path
from meshgen.emit.envoy.parts import LOOPBACK, address, endpoint, extension, seconds, typed
from meshgen.emit.envoy.settings import FRONT_CLUSTER, HEALTH_PATH, OTLP_CLUSTER, PAGES_CLUSTER, EnvoySettings, Otlp
from meshgen.emit.output.document import Document, without_empty
from meshgen.limits import MEBIBYTE
from meshgen.plan.model import Workload

# One picture must not wait for window updates, nor fill the window of the others on its connection.
HTTP2 = {"initial_stream_window_size": 8 * MEBIBYTE, "initial_connection_window_size": 32 * MEBIBYTE}


def workload_cluster(workload: Workload, settings: EnvoySettings) -> Document:
    """The replicas of a driver or node, as discovery writes them."""
    name = workload.application
    path = endpoints_path(settings.endpoints_dir, name)
    source = {"path": path, "watched_directory": {"path": path.rsplit("/", 1)[0]}}
    return {
        "name": name,
        "type": "EDS",
        "eds_cluster_config": {"eds_config": {"path_config_source": source, "resource_api_version": "V3"}},
        "connect_timeout": "1s",
        "lb_policy": "LEAST_REQUEST",
        # While one replica is healthy the others rest; with none, trying is better than refusing.
        "common_lb_config": {"healthy_panic_threshold": {"value": 1}},
        "typed_extension_protocol_options": _http1(),
        "health_checks": [_HEALTH_CHECK],
        "outlier_detection": _OUTLIER_DETECTION,
        "circuit_breakers": {"thresholds": [_LIMITS]},
        # A replica that Serve has removed is draining: no new requests, whatever its last probe said.
        "ignore_health_on_host_removal": True,
    }


def front_cluster(settings: EnvoySettings) -> Document:
    """The service that answers reflection and health for all graphs."""
    return {
        "name": FRONT_CLUSTER,
        "type": "STATIC",
        "connect_timeout": "1s",
        "typed_extension_protocol_options": _http2(),
        "load_assignment": _assignment(FRONT_CLUSTER, LOOPBACK, settings.reflection_port),
    }


def pages_cluster(settings: EnvoySettings) -> Document:
    """The pages of the front service, over HTTP/1.1."""
    return {
        "name": PAGES_CLUSTER,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": _assignment(PAGES_CLUSTER, LOOPBACK, settings.pages_port),
    }


def otlp_cluster(otlp: Otlp) -> Document:
    """The collector of spans."""
    return without_empty(
        {
            "name": OTLP_CLUSTER,
            "type": "STRICT_DNS",
            "connect_timeout": "1s",
            "typed_extension_protocol_options": _http2() if otlp.protocol == "grpc" else None,
            "load_assignment": _assignment(OTLP_CLUSTER, otlp.host, otlp.port),
            "transport_socket": _tls(otlp) if otlp.tls else None,
        }
    )


# The first probe of a booting replica fails; without traffic the next would come after 60 s.
_HEALTH_CHECK: Document = {
    "timeout": "2s",
    "interval": "1s",
    "no_traffic_interval": "1s",
    "unhealthy_interval": "1s",
    "unhealthy_threshold": 2,
    "healthy_threshold": 1,
    "http_health_check": {"path": HEALTH_PATH},
}
_IDLE_S = 60.0
"""A connection that nobody needs is closed here and never by a replica, which might have a request on its way to it."""
_OUTLIER_DETECTION: Document = {
    "split_external_local_origin_errors": True,
    "consecutive_local_origin_failure": 2,
    "enforcing_consecutive_local_origin_failure": 100,
    "enforcing_consecutive_5xx": 0,
    "enforcing_consecutive_gateway_failure": 0,
    "enforcing_success_rate": 0,
    "interval": "1s",
    "base_ejection_time": "5s",
    "max_ejection_percent": 50,
}
# All requests of a lost replica are tried again at once: the budget's floor must hold them.
_LIMITS: Document = {
    "max_connections": 10_000,
    "max_requests": 10_000,
    "max_pending_requests": 10_000,
    "retry_budget": {"budget_percent": {"value": 20}, "min_retry_concurrency": 200},
    "track_remaining": True,
}


def _http1() -> Document:
    """How replicas speak gRPC: a call has a connection to itself, and its status comes in trailers."""
    return _protocol(
        explicit_http_config={"http_protocol_options": {"enable_trailers": True}},
        common_http_protocol_options={"idle_timeout": seconds(_IDLE_S)},
    )


def _http2() -> Document:
    return _protocol(explicit_http_config={"http2_protocol_options": HTTP2})


def _protocol(**options: Document) -> Document:
    name = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    return {name: typed(name, **options)}


def _assignment(cluster: str, host: str, port: int) -> Document:
    return {"cluster_name": cluster, "endpoints": [{"lb_endpoints": [endpoint(address(host, port))]}]}


def _tls(otlp: Otlp) -> Document:
    return extension(
        "envoy.transport_sockets.tls",
        "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        sni=otlp.host,
        common_tls_context={
            "validation_context": {
                "trusted_ca": {"filename": otlp.ca_file},
                "match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": otlp.host}}],
            }
        },
    )
