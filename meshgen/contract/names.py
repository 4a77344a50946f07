"""Names on the wire, from a graph's and a node's name. Used by everything that must agree on them."""

from __future__ import annotations

from meshgen.naming import RESULT_FIELD, pascal

__all__ = [
    "RESULT_FIELD",
    "VERSION",
    "application",
    "descriptors_path",
    "lock_path",
    "package",
    "proto_path",
    "request",
    "response",
    "service",
]

VERSION = "v1"


def package(graph: str, node: str | None = None) -> str:
    """Protobuf package: `quickstart.v1` of the driver, `quickstart.model.v1` of a node."""
    return f"{graph}.{VERSION}" if node is None else f"{graph}.{node}.{VERSION}"


def proto_path(graph: str, node: str | None = None) -> str:
    """Path below `protos/`: `quickstart/model/v1/model.proto`."""
    if node is None:
        return f"{graph}/{VERSION}/{graph}.proto"
    return f"{graph}/{node}/{VERSION}/{node}.proto"


def lock_path(graph: str) -> str:
    """Path of a graph's lock below the output root."""
    return f"protos/{graph}/lock.json"


def descriptors_path(graph: str) -> str:
    """Path of a graph's descriptor set below the output root."""
    return f"envoy/{graph}/descriptors.binpb"


def service(graph: str, node: str | None = None) -> str:
    """Full service name: `quickstart.v1.QuickstartService`, `quickstart.model.v1.ModelService`."""
    return f"{package(graph, node)}.{pascal(node or graph)}Service"


def application(graph: str, node: str | None = None) -> str:
    """Ray Serve application and Envoy cluster: `quickstart` of the driver, `quickstart-model` of a node."""
    return graph if node is None else f"{graph}-{node}"


def request(rpc: str) -> str:
    """Message name of an rpc's request, within its package."""
    return f"{rpc}Request"


def response(rpc: str) -> str:
    """Message name of an rpc's response, within its package."""
    return f"{rpc}Response"
