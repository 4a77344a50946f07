"""The small pieces that recur all over an Envoy configuration."""

from __future__ import annotations

from typing import Any

from meshgen.emit.output.document import Document

LOOPBACK = "127.0.0.1"


def typed(type_name: str, **fields: Any) -> Document:
    """A `google.protobuf.Any` as Envoy's JSON writes it; None fields are left out."""
    return {
        "@type": f"type.googleapis.com/{type_name}",
        **{key: value for key, value in fields.items() if value is not None},
    }


def extension(name: str, type_name: str, **fields: Any) -> Document:
    """A named extension with its typed configuration."""
    return {"name": name, "typed_config": typed(type_name, **fields)}


def http_filter(name: str, type_path: str, **fields: Any) -> Document:
    """An HTTP filter: `http_filter("cors", "cors.v3.Cors")`."""
    return extension(f"envoy.filters.http.{name}", f"envoy.extensions.filters.http.{type_path}", **fields)


def seconds(value: float) -> str:
    """A duration as protobuf JSON: `2.5s`."""
    return f"{value:g}s"


def address(host: str, port: int) -> Document:
    """A TCP socket address."""
    return {"socket_address": {"address": host, "port_value": port}}


def pipe(path: str) -> Document:
    """The address of a Unix socket."""
    return {"pipe": {"path": path}}


def endpoint(at: Document) -> Document:
    """One endpoint of a cluster, by its address."""
    return {"endpoint": {"address": at}}
