"""Envoy's configuration as somebody would write it by hand for the hand-written services."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_API = "type.googleapis.com/envoy.extensions"
_HTTP2 = {"initial_stream_window_size": 8 * 1024**2, "initial_connection_window_size": 32 * 1024**2}


def config(front_port: int, mesh_port: int, front: int, nodes: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """A listener for clients and one for calls between services, which names a node by its authority.

    Args:
        front_port: for clients.
        mesh_port: for calls to nodes.
        front: port of the front service.
        nodes: ports of the nodes' processes by name.
    """
    mesh = [{"name": name, "domains": [name], "routes": [_route(name)]} for name in nodes]
    listeners = [
        _listener("front", front_port, [{"name": "front", "domains": ["*"], "routes": [_route("front")]}]),
        _listener("mesh", mesh_port, mesh),
    ]
    clusters = [_cluster(name, ports) for name, ports in {"front": (front,), **nodes}.items()]
    return {"static_resources": {"listeners": listeners, "clusters": clusters}}


def _route(cluster: str) -> dict[str, Any]:
    return {"match": {"prefix": "/"}, "route": {"cluster": cluster, "timeout": "0s"}}


def _listener(name: str, port: int, hosts: list[dict[str, Any]]) -> dict[str, Any]:
    manager = {
        "@type": f"{_API}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        "http2_protocol_options": _HTTP2,
        "route_config": {"name": name, "virtual_hosts": hosts},
        "http_filters": [
            {"name": "router", "typed_config": {"@type": f"{_API}.filters.http.router.v3.Router"}},
        ],
    }
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    return {"name": name, "address": _address(port), "filter_chains": [{"filters": filters}]}


def _cluster(name: str, ports: Sequence[int]) -> dict[str, Any]:
    options = {
        "@type": f"{_API}.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": _HTTP2},
    }
    endpoints = [{"endpoint": {"address": _address(port)}} for port in ports]
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options},
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]},
    }


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
