"""Errors that Envoy makes itself, as the same JSON that a service's errors become.

gRPC callers get a status without a body, so only other requests are rewritten. A transcoded request already looks like
gRPC when a later filter fails; it is told apart by the path that the transcoder keeps.
"""

from __future__ import annotations

from meshgen.emit.document import Document
from meshgen.status import Code

_CODES: tuple[tuple[int, Code], ...] = (
    (400, Code.INVALID_ARGUMENT),
    (401, Code.UNAUTHENTICATED),
    (403, Code.PERMISSION_DENIED),
    (404, Code.NOT_FOUND),
    (405, Code.UNIMPLEMENTED),
    (408, Code.DEADLINE_EXCEEDED),
    (413, Code.RESOURCE_EXHAUSTED),
    (415, Code.INVALID_ARGUMENT),
    (429, Code.RESOURCE_EXHAUSTED),
    (431, Code.RESOURCE_EXHAUSTED),
    (500, Code.INTERNAL),
    (501, Code.UNIMPLEMENTED),
    (502, Code.UNAVAILABLE),
    (503, Code.UNAVAILABLE),
    (504, Code.DEADLINE_EXCEEDED),
)


def local_replies() -> Document:
    """`{"code": 5, "message": "...", "details": []}` by HTTP status."""
    return {"mappers": [_mapper(status, code) for status, code in _CODES]}


def _mapper(status: int, code: Code) -> Document:
    body = {"code": int(code), "message": "%LOCAL_REPLY_BODY%", "details": []}
    return {
        "filter": {"and_filter": {"filters": [_has_status(status), _IS_NOT_GRPC]}},
        "body_format_override": {"json_format": body, "content_type": "application/json"},
    }


def _has_status(status: int) -> Document:
    value = {"default_value": status, "runtime_key": f"meshgen.local_reply.{status}"}
    return {"status_code_filter": {"comparison": {"op": "EQ", "value": value}}}


_IS_NOT_GRPC: Document = {
    "or_filter": {
        "filters": [
            {
                "header_filter": {
                    "header": {
                        "name": "content-type",
                        "string_match": {"prefix": "application/grpc"},
                        "invert_match": True,
                        "treat_missing_header_as_empty": True,
                    }
                }
            },
            {"header_filter": {"header": {"name": "x-envoy-original-path", "present_match": True}}},
        ]
    }
}
