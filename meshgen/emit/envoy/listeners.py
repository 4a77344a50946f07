"""The two listeners: the public one for clients, the mesh one for calls between services."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from meshgen.emit.envoy.admission import first_routes, other_hosts, own_names
from meshgen.emit.envoy.clusters import HTTP2
from meshgen.emit.envoy.filters import CORS, cors_policy, public_filters, router
from meshgen.emit.envoy.parts import address, pipe, typed
from meshgen.emit.envoy.replies import local_replies
from meshgen.emit.envoy.routes import front_routes, mesh_routes, page_routes, public_routes
from meshgen.emit.envoy.settings import EnvoySettings
from meshgen.emit.envoy.tracing import access_log, tracing
from meshgen.emit.output.document import Document
from meshgen.own_headers import MESSAGE, TRIED
from meshgen.plan.model import Mesh

PUBLIC_NAME = "envoy"
MESH_NAME = "envoy-mesh"


def public_listener(meshes: Sequence[Mesh], settings: EnvoySettings) -> Document:
    """gRPC, REST and gRPC-Web on one port."""
    services = [w for mesh in meshes for w in (mesh.services if settings.expose_nodes else (mesh.driver,))]
    clusters = [w.application for mesh in meshes for w in mesh.workloads]
    rest = [route for mesh in meshes for route in mesh.routes]
    virtual_host = {
        "name": "public",
        "domains": own_names(settings) or ["*"],
        "routes": [
            *first_routes(settings),
            *(
                route
                for w in services
                for route in public_routes(w, [r.path for r in rest if r.service == w.service], settings)
            ),
            *front_routes(settings),
            *page_routes(),
        ],
        "typed_per_filter_config": {CORS: cors_policy(settings)},
    }
    manager = _manager(
        PUBLIC_NAME,
        virtual_host,
        *other_hosts(settings),
        http_filters=public_filters(clusters, services, settings),
        local_reply_config=local_replies(settings),
        access_log=access_log(settings.access_log),
        tracing=tracing(settings.otlp, PUBLIC_NAME),
        codec_type="AUTO",
        http2_protocol_options=HTTP2,
        common_http_protocol_options={"idle_timeout": _IDLE},
        # The caller's address and headers are an outsider's, from wherever they come.
        use_remote_address=True,
        normalize_path=True,
        merge_slashes=True,
        request_headers_timeout="10s",
    )
    return _listener("public", address(settings.host, settings.port), manager)


def mesh_listener(meshes: Sequence[Mesh], settings: EnvoySettings) -> Document:
    """Nodes outside of drivers, on a socket that only drivers and other nodes can open; gRPC as replicas speak it."""
    drivers = {mesh.driver.application for mesh in meshes}
    nodes = [s for mesh in meshes for s in mesh.services if s.application not in drivers]
    routes = [route for node in nodes for route in mesh_routes(node, settings)]
    virtual_host = {"name": "mesh", "domains": ["*"], "routes": routes}
    manager = _manager(
        MESH_NAME,
        virtual_host,
        http_filters=[router()],
        access_log=access_log(settings.mesh_access_log),
        tracing=tracing(settings.otlp, MESH_NAME),
        codec_type="HTTP1",
        http_protocol_options={"enable_trailers": True},
        # What the public listener lets through, and what a driver adds.
        max_request_headers_kb=64,
        common_http_protocol_options={"idle_timeout": _IDLE, "max_headers_count": 200},
    )
    socket = pipe(settings.mesh_socket)
    socket["pipe"]["mode"] = 0o600
    # With too little memory the public listener refuses new requests; those that are under way should end.
    return {**_listener("mesh", socket, manager), "bypass_overload_manager": True}


_IDLE = "3600s"


def _manager(name: str, virtual_host: Document, *more_hosts: Document, **fields: Any) -> Document:
    routes = {
        "name": virtual_host["name"],
        "virtual_hosts": [virtual_host, *more_hosts],
        "ignore_port_in_host_matching": True,
        **_OURS_REMOVED,
    }
    return typed(
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix=name,
        # Deadlines end requests; a model that thinks for ten minutes sends nothing meanwhile.
        stream_idle_timeout="0s",
        route_config=routes,
        **fields,
    )


# Replicas are told by nobody else what has a meaning between two parts of the mesh. The public listener lets in nothing
# that is called like this; the mesh listener has read what is for itself.
_OURS_REMOVED: Document = {
    "request_headers_to_remove": [TRIED, MESSAGE],
    "response_headers_to_remove": [MESSAGE],
}


def _listener(name: str, at: Document, manager: Document) -> Document:
    network_filter = {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}
    return {
        "name": name,
        "address": at,
        "filter_chains": [{"filters": [network_filter]}],
        # What is read at a time. A million values of JSON take Envoy a second, so it must not read megabytes of them.
        "per_connection_buffer_limit_bytes": 32 * 1024,
    }
