"""Serve's gRPC ports on the loopback only, or shut: a callback that Serve runs in each of its processes.

Paths in comments are relative to `ray/serve`; tests/unit/rayserve fails for each place when Ray changes it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc

LOOPBACK_CALLBACK = "meshgen.rayserve.loopback.bind_to_loopback"
"""Value of `RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH` for a mesh on one machine."""


def bind_to_loopback() -> list[Any]:
    """Make Serve's gRPC ports of this process listen on 127.0.0.1 only, and each for this process only.

    Serve calls this (it wants a list of HTTP middlewares back) before a replica or its own proxy opens its gRPC
    servers, and what opens them looks these names up only then, so that replacing them takes effect:

    - `_private/grpc_util.py:204` has `[::]` built in, without authentication;
    - `:202` writes `grpc.so_reuseport` as the text "0", which gRPC does not understand, and so leaves it on. Two
      clusters on one machine would then share port 40000, and each get some of the other's requests. With it off the
      second one cannot bind, and Serve takes the next port (`_private/replica.py:2339`).
    - `_private/replica.py:1835` opens one more server to every interface, for calls by Serve's own handles, which it
      unpickles. No such handle leads to a replica of a mesh, so that server gets no port.
    """
    from ray.serve._private import default_impl, grpc_util, replica

    def add_grpc_address(server: grpc.aio.Server, address: str) -> None:
        server.add_insecure_port(address.replace("[::]", "127.0.0.1"))

    def exclusive(factory: Callable[..., Any], **_options: Any) -> Any:
        return server_class(factory, extra_options=[("grpc.so_reuseport", 0)])  # type: ignore[list-item]

    def no_port(_server: grpc.aio.Server, _address: str) -> int:
        return 0

    server_class = grpc_util.gRPCGenericServer
    default_impl.add_grpc_address = add_grpc_address  # type: ignore[assignment]
    grpc_util.gRPCGenericServer = exclusive  # type: ignore[assignment,misc]
    replica.add_port_to_grpc_server = no_port  # type: ignore[attr-defined]
    return []
