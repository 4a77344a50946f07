"""Errors that Envoy makes itself, as the same JSON, or the same status, that a service's errors become.

A transcoded request already looks like gRPC when a later filter fails; it is told apart by the path that the
transcoder keeps.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping

from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from meshgen.emit.envoy.settings import EnvoySettings
from meshgen.emit.output.document import Document
from meshgen.limits import OPTION, TOO_LARGE, text_of
from meshgen.status import ENVOY_DOMAIN, Code

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


def local_replies(settings: EnvoySettings) -> Document:
    """`{"code": 5, "message": "...", "details": [...]}` by HTTP status; for gRPC, what Envoy lacks or gets wrong."""
    limit = text_of(settings.max_message_bytes)
    texts = {
        405: "this path takes %RESP(ALLOW)%, not %REQ(:METHOD)%",
        413: f"the request is far over the limit of {limit} for a message; `meshgen run {OPTION}` raises it",
    }
    if settings.rate_limit is not None:
        texts[429] = f"more than {settings.rate_limit} requests in a second, the limit of `meshgen run --rate-limit`"
    rest = [_json_mapper(status, code, texts.get(status, _ENVOYS_TEXT)) for status, code in _CODES]
    return {"mappers": [*rest, *_grpc_mappers(texts)]}


_ENVOYS_TEXT = "%LOCAL_REPLY_BODY%"
_REASONS: Mapping[int, str] = {413: TOO_LARGE, 429: "RATE_LIMITED"}
"""Messages for the statuses that mean more than their code's name says."""


def _json_mapper(status: int, code: Code, text: str) -> Document:
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": _REASONS.get(status, code.name),
        "domain": ENVOY_DOMAIN,
        # Envoy's own word for what happened, as it is in the access log.
        "metadata": {"details": "%RESPONSE_CODE_DETAILS%", "request_id": "%REQ(X-REQUEST-ID)%"},
    }
    body = {"code": int(code), "message": text, "details": [info]}
    return {
        "filter": _all(_has_status(status), _IS_NOT_GRPC),
        "body_format_override": {"json_format": body, "content_type": "application/json"},
    }


def _grpc_mappers(texts: Mapping[int, str]) -> list[Document]:
    """Envoy has no message for an unknown rpc, and takes 413 (and 429 for gRPC-Web) for other codes."""
    unknown = _grpc_mapper(
        404, {"grpc-message": "no service of this front has the rpc %REQ(:PATH)%"}, Code.UNIMPLEMENTED
    )
    return [unknown, *(_exhausted(status, texts[status]) for status in _REASONS if status in texts)]


def _exhausted(status: int, text: str) -> Document:
    code = Code.RESOURCE_EXHAUSTED
    whole = Status(code=int(code), message=text)
    whole.details.add().Pack(ErrorInfo(reason=_REASONS[status], domain=ENVOY_DOMAIN))
    data = base64.b64encode(whole.SerializeToString(deterministic=True)).decode()
    return _grpc_mapper(status, {"grpc-message": text, "grpc-status-details-bin": data}, code)


def _grpc_mapper(status: int, headers: Mapping[str, str], code: Code) -> Document:
    added = {"grpc-status": str(int(code)), **headers}
    return {
        "filter": _has_status(status),
        # To the gRPC-Web filter anything else is a page of some proxy, whose status and text it translates itself.
        "status_code": 200,
        "headers_to_add": [{"header": {"key": key, "value": value}} for key, value in added.items()],
        "body_format_override": {"text_format_source": {"inline_string": ""}, "content_type": "application/grpc"},
    }


def _all(*filters: Document) -> Document:
    return {"and_filter": {"filters": list(filters)}}


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
