"""What a caller is told of a failed call where a process ends, or would end on a mesh: the status that travels."""

from __future__ import annotations

from meshgen.runtime.call.errors import as_status
from meshgen.status import StatusError


def as_told(error: BaseException, node: str) -> StatusError:
    """The error as a caller in another process would get it: a class of `meshgen.status`, with what a trailer carries.

    Args:
        error: what user code raised; the cause of an `Internal` that stands for it.
        node: blamed when the error itself does not say which node it came from.
    """
    from meshgen.codec import grpc_status  # brings protobuf, which a run without errors does without

    status = as_status(error, node)
    details = grpc_status.encode(status, graph="", trace_id="")
    told = grpc_status.decode(int(status.code), grpc_status.message_of(status), details)
    told.__cause__ = status.__cause__
    return told.with_traceback(status.__traceback__)
