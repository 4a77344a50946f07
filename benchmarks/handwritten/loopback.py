"""Keeps Serve's gRPC ports on 127.0.0.1; Serve itself opens them on all interfaces."""

from __future__ import annotations

from typing import Any


def callback() -> list[Any]:
    """What Serve calls in its proxy and in each replica before their gRPC server starts."""
    from ray.serve._private import default_impl

    def add_grpc_address(server: Any, address: str) -> None:
        server.add_insecure_port(address.replace("[::]", "127.0.0.1"))

    default_impl.add_grpc_address = add_grpc_address  # type: ignore[assignment]
    return []
