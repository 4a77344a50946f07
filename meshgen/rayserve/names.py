"""Names that what is generated, what is deployed and what looks for it on Serve must agree on. Imports nothing."""

from __future__ import annotations

from typing import Final

SERVICER: Final = "meshgen.runtime.mesh.server.add"
"""The importable name of what puts our handlers on each replica's gRPC server; Serve takes it once, when it starts."""

DEPLOYMENT: Final = "node"
"""The name of the one deployment of each application.

It is constant: a deployment that is renamed is deleted and created, not updated replica by replica.
"""

_DRIVER: Final = "driver"


def service_folder(graph: str, node: str | None) -> str:
    """The folder, below the root of what is generated, of a node's service, or of the driver's."""
    return f"services/{graph}/{node or _DRIVER}"


def service_module(graph: str, node: str | None) -> str:
    """The generated module in that folder, which holds the Serve application `app`."""
    return f"{service_folder(graph, node).replace('/', '.')}.service"
