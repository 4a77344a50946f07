"""One Python file holds a graph of models; meshgen runs it in process, and makes a typed mesh of services from it."""

from __future__ import annotations

from meshgen.annotations import Float32, Int32, RenamedFrom, TensorSpec, wire_name
from meshgen.errors import GraphError, InternalError, MeshgenError
from meshgen.frontend import DAGDriver, InputNode, deployment, inline, map_each, switch
from meshgen.inprocess import local
from meshgen.runtime.call.context import RequestContext, current_request
from meshgen.runtime.local.graph import LocalGraph
from meshgen.runtime.nodes.handles import Handle
from meshgen.status import (
    Aborted,
    AlreadyExists,
    Cancelled,
    Code,
    DataLoss,
    DeadlineExceeded,
    FailedPrecondition,
    Internal,
    InvalidArgument,
    NotFound,
    OutOfRange,
    PermissionDenied,
    ResourceExhausted,
    StatusError,
    Unauthenticated,
    Unavailable,
    Unimplemented,
    Unknown,
    Violation,
)

__version__ = "0.1.0"

__all__ = [
    "Aborted",
    "AlreadyExists",
    "Cancelled",
    "Code",
    "DAGDriver",
    "DataLoss",
    "DeadlineExceeded",
    "FailedPrecondition",
    "Float32",
    "GraphError",
    "Handle",
    "InputNode",
    "Int32",
    "Internal",
    "InternalError",
    "InvalidArgument",
    "LocalGraph",
    "MeshgenError",
    "NotFound",
    "OutOfRange",
    "PermissionDenied",
    "RenamedFrom",
    "RequestContext",
    "ResourceExhausted",
    "StatusError",
    "TensorSpec",
    "Unauthenticated",
    "Unavailable",
    "Unimplemented",
    "Unknown",
    "Violation",
    "current_request",
    "deployment",
    "inline",
    "local",
    "map_each",
    "switch",
    "wire_name",
]
