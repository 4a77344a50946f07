"""What a REST route answers when it fails: one shape, with an example for each HTTP status worth a name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshgen import limits
from meshgen.emit.openapi.model import Example, MediaType, Response, Schema
from meshgen.status import DOMAIN, ENVOY_DOMAIN, Code

STATUS = "google.rpc.Status"

STATUS_SCHEMA = Schema(
    title="Status",
    type="object",
    description="An error, as `google.rpc.Status`.",
    properties={
        "code": Schema(type="integer", format="int32", description="gRPC status code."),
        "message": Schema(type="string"),
        "details": Schema(
            type="array",
            description="`google.rpc.ErrorInfo` says why and where (reason, domain, metadata with node, graph and "
            "trace id), `google.rpc.BadRequest` names the fields at fault.",
            items=Schema(
                type="object",
                properties={"@type": Schema(type="string")},
                required=("@type",),
            ),
        ),
    },
    required=("code", "message", "details"),
)


_TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


def error_responses(graph: str, timeout_s: float) -> dict[str, Response]:
    """Responses by HTTP status, for a route of `graph` with this default deadline."""
    unfit = {
        "@type": "type.googleapis.com/google.rpc.BadRequest",
        "field_violations": [{"field": "user_id", "description": "is required", "reason": ""}],
    }
    service = {"domain": DOMAIN, "metadata": {"graph": graph, "node": "model", "trace_id": _TRACE_ID}}
    envoy = {"domain": ENVOY_DOMAIN, "metadata": {"details": "no_healthy_upstream"}}
    return {
        "400": _response(
            "The request does not fit the contract.",
            Code.INVALID_ARGUMENT,
            "user_id is required",
            _info("INVALID_ARGUMENT", service),
            unfit,
        ),
        "413": _response(
            "The request or the answer is too large.",
            Code.RESOURCE_EXHAUSTED,
            limits.over(f"the answer of '{graph}'", int(40.1 * limits.MEBIBYTE), limits.DEFAULT_MB * limits.MEBIBYTE),
            _info(limits.TOO_LARGE, service),
        ),
        "429": _response(
            "Too many requests.",
            Code.RESOURCE_EXHAUSTED,
            f"too many requests wait for '{graph}'",
            _info("RESOURCE_EXHAUSTED", service),
        ),
        "503": _response(
            "A service cannot be reached.", Code.UNAVAILABLE, "no healthy upstream", _info("UNAVAILABLE", envoy)
        ),
        "504": _response(
            "The answer would come too late.",
            Code.DEADLINE_EXCEEDED,
            f"node 'model' did not answer within {timeout_s:g} s",
            _info("DEADLINE_EXCEEDED", service),
        ),
        "default": _response(
            "Any other error.",
            Code.INTERNAL,
            "internal error in node 'model'",
            _info("INTERNAL", service),
        ),
    }


def _info(reason: str, rest: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, **rest}


def _response(description: str, code: Code, message: str, *details: Mapping[str, Any]) -> Response:
    example = Example(value={"code": int(code), "message": message, "details": details})
    schema = Schema(ref=f"#/components/schemas/{STATUS}")
    return Response(
        description=description, content={"application/json": MediaType(schema=schema, examples={code.name: example})}
    )
