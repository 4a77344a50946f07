"""Errors that Envoy makes itself, as the same JSON, or the same status, that a service's errors become.

A transcoded request already looks like gRPC when a later filter fails; it is told apart by the path that the
transcoder keeps.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping

from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from meshgen.emit.envoy import scripts
from meshgen.emit.envoy.parts import extension
from meshgen.emit.envoy.scripts import NO_BODY_TEXT
from meshgen.emit.envoy.settings import EnvoySettings
from meshgen.emit.output.document import Document
from meshgen.limits import OPTION, TOO_LARGE, text_of
from meshgen.status import ENVOY_DOMAIN, Code

_CODES: Mapping[int, Code] = {
    400: Code.INVALID_ARGUMENT,
    401: Code.UNAUTHENTICATED,
    403: Code.PERMISSION_DENIED,
    404: Code.NOT_FOUND,
    405: Code.UNIMPLEMENTED,
    408: Code.DEADLINE_EXCEEDED,
    413: Code.RESOURCE_EXHAUSTED,
    415: Code.INVALID_ARGUMENT,
    421: Code.PERMISSION_DENIED,
    426: Code.UNIMPLEMENTED,
    429: Code.RESOURCE_EXHAUSTED,
    431: Code.RESOURCE_EXHAUSTED,
    500: Code.INTERNAL,
    501: Code.UNIMPLEMENTED,
    502: Code.UNAVAILABLE,
    503: Code.UNAVAILABLE,
    504: Code.DEADLINE_EXCEEDED,
}
# What the table for HTTP that gRPC has, and Envoy goes by, takes for other codes.
_GRPC_CODES = {status: _CODES[status] for status in (400, 408, 421, 431, 504)}


def local_replies(settings: EnvoySettings) -> Document:
    """`{"code": 5, "message": "...", "details": [...]}` by HTTP status; for gRPC, what Envoy lacks or gets wrong."""
    texts = _texts(settings)
    return {"mappers": [*_json_mappers(texts), *_grpc_mappers(texts)]}


def silent_errors() -> Document:
    """The filter for errors that the gRPC of a service makes by itself, without details: over REST they become Envoy's.

    A service's own have details. Clients of gRPC know those without.
    """
    return extension(
        SILENT_ERRORS,
        "envoy.extensions.filters.http.custom_response.v3.CustomResponse",
        custom_response_matcher={
            "matcher_tree": {
                "input": _response_header("grpc-status"),
                "exact_match_map": {
                    "map": {str(int(code)): _when(_NO_DETAILS, status) for status, code in _MADE_BY_GRPC.items()}
                },
            }
        },
    )


SILENT_ERRORS = "envoy.filters.http.custom_response"
_MADE_BY_GRPC = {504: Code.DEADLINE_EXCEEDED, 503: Code.UNAVAILABLE}


def _response_header(name: str) -> Document:
    return extension("header", "envoy.type.matcher.v3.HttpResponseHeaderMatchInput", header_name=name)


def _has_text(header: str, matcher: Document) -> Document:
    return {"single_predicate": {"input": _response_header(header), "value_match": matcher}}


_ANYTHING: Document = {"safe_regex": {"google_re2": {}, "regex": ".*"}}
_NO_DETAILS: Document = {"not_matcher": _has_text("grpc-status-details-bin", _ANYTHING)}


def _when(predicate: Document, status: int) -> Document:
    """Envoy's own reply with an HTTP status, if the predicate holds."""
    matchers = [{"predicate": predicate, "on_match": {"action": _as_own(status)}}]
    return {"matcher": {"matcher_list": {"matchers": matchers}}}


def _as_own(status: int) -> Document:
    return extension(
        "own",
        "envoy.extensions.http.custom_response.local_response_policy.v3.LocalResponsePolicy",
        status_code=status,
        body_format={"text_format_source": {"inline_string": "%RESP(GRPC-MESSAGE)%"}},
        response_code_details="grpc_of_the_service",
    )


_TRACE_ID = r"%CEL(re.extract(request.headers['traceparent'], '[0-9a-f]{2}-([0-9a-f]{32})-.*', '\\1'))%"
_ENVOYS_TEXT = "%LOCAL_REPLY_BODY%"
_REASONS: Mapping[int, str] = {413: TOO_LARGE, 429: "RATE_LIMITED"}
"""Messages for the statuses that mean more than their code's name says."""


def _texts(settings: EnvoySettings) -> dict[int, str]:
    limit = text_of(settings.max_message_bytes)
    texts = {
        405: "this path takes %RESP(ALLOW)%, not %REQ(:METHOD)%",
        413: f"the request is far over the limit of {limit} for a message; `meshgen run {OPTION}` raises it",
        431: "the headers of the request are too large: more than 60 KiB, or a hundred",
        504: "the deadline of the request has passed",
    }
    if settings.rate_limit is not None:
        texts[429] = f"more than {settings.rate_limit} requests in a second, the limit of `meshgen run --rate-limit`"
    return texts


def _json_mappers(texts: Mapping[int, str]) -> Iterator[Document]:
    # Of these Envoy says nothing.
    unread = _all(_has_status(400), _has(":authority", invert=True))
    yield _json_mapper(unread, 400, "the request cannot be read: %RESPONSE_CODE_DETAILS%")
    yield _json_mapper(_all(_has_status(403), _has("upgrade")), 403, "this front takes no upgrades")
    yield _json_mapper({"response_flag_filter": {"flags": ["FI"]}}, 400, NO_BODY_TEXT)
    yield _json_mapper(_body_is(scripts.EMPTY), 400, NO_BODY_TEXT)
    yield {**_json_mapper(_body_is(scripts.TOO_LARGE), 413, texts[413]), "status_code": 413}
    # While a request still arrives, Envoy takes the end of its time for a fault of the client.
    late = _json_mapper(_all(_has_status(408), _has("grpc-timeout")), 504, texts[504])
    yield {**late, "status_code": 504}
    for status in _CODES:
        yield _json_mapper(_has_status(status), status, texts.get(status, _ENVOYS_TEXT))
    yield _json_mapper(_has_status(400, "GE"), 500, _ENVOYS_TEXT)


def _json_mapper(condition: Document, status: int, text: str) -> Document:
    code = _CODES[status]
    metadata = {
        # Envoy's own word for what happened, as it is in the access log.
        "details": "%RESPONSE_CODE_DETAILS%",
        "request_id": "%REQ(X-REQUEST-ID)%",
        # The caller's own; the one that Envoy gives to a request without is in the access log, beside its id.
        "trace_id": _TRACE_ID,
    }
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": _REASONS.get(status, code.name),
        "domain": ENVOY_DOMAIN,
        "metadata": metadata,
    }
    return {
        "filter": _all(condition, _IS_NOT_GRPC),
        "body_format_override": {
            "json_format": {"code": int(code), "message": text, "details": [info]},
            "content_type": "application/json",
            # A request that could not be read has no ids.
            "omit_empty_values": True,
        },
    }


def _grpc_mappers(texts: Mapping[int, str]) -> Iterator[Document]:
    unknown = {"grpc-message": "no service of this front has the rpc %REQ(:PATH)%"}
    # 415: a REST path, which is not asked for JSON.
    yield from (_grpc_mapper(status, unknown, Code.UNIMPLEMENTED) for status in (404, 415))
    yield from (_exhausted(status, texts[status]) for status in _REASONS if status in texts)
    for status, code in _GRPC_CODES.items():
        yield _grpc_mapper(status, {}, code, texts.get(status, _ENVOYS_TEXT))


def _exhausted(status: int, text: str) -> Document:
    code = Code.RESOURCE_EXHAUSTED
    whole = Status(code=int(code), message=text)
    whole.details.add().Pack(ErrorInfo(reason=_REASONS[status], domain=ENVOY_DOMAIN))
    data = base64.b64encode(whole.SerializeToString(deterministic=True)).decode()
    return _grpc_mapper(status, {"grpc-message": text, "grpc-status-details-bin": data}, code)


def _grpc_mapper(status: int, headers: Mapping[str, str], code: Code, text: str = "") -> Document:
    """The status of gRPC for an HTTP status; the text is the message, where no header says that."""
    added = {"grpc-status": str(int(code)), **headers}
    return {
        "filter": _has_status(status),
        # To the gRPC-Web filter anything else is a page of some proxy, whose status and text it translates itself.
        "status_code": 200,
        "headers_to_add": [{"header": {"key": key, "value": value}} for key, value in added.items()],
        "body_format_override": {"text_format_source": {"inline_string": text}, "content_type": "application/grpc"},
    }


def _all(*filters: Document) -> Document:
    return {"and_filter": {"filters": list(filters)}}


def _has_status(status: int, op: str = "EQ") -> Document:
    value = {"default_value": status, "runtime_key": f"meshgen.local_reply.{status}"}
    return {"status_code_filter": {"comparison": {"op": op, "value": value}}}


def _has(header: str, *, invert: bool = False) -> Document:
    matcher: Document = {"name": header, "present_match": True}
    return {"header_filter": {"header": {**matcher, "invert_match": True} if invert else matcher}}


def _body_is(what: str) -> Document:
    filter_, key = scripts.FAULT
    matcher = {"filter": filter_, "path": [{"key": key}], "value": {"string_match": {"exact": what}}}
    return {"metadata_filter": {"matcher": matcher, "match_if_key_not_found": False}}


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
            _has("x-envoy-original-path"),
        ]
    }
}
