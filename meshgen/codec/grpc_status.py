"""`StatusError` to and from `google.rpc.Status`, the error details that gRPC carries in a trailer.

The one table for both directions; needs no gRPC. Source of the shape: `google/rpc/{status,error_details}.proto`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from google.rpc.status_pb2 import Status

from meshgen.status import BY_CODE, DOMAIN, Code, StatusError, Unknown, Violation

TRAILER = "grpc-status-details-bin"
"""Name of the trailer that holds `google.rpc.Status`."""

# gRPC refuses more than 8 KiB of trailers. The message goes out twice: as text, where a byte that is not ASCII takes
# three, and in the details, which are written in base64.
_MESSAGE_BYTES = 800
_VIOLATIONS = 10
_VIOLATION_BYTES = 100
_REASON_BYTES = 63  # says `google/rpc/error_details.proto`
_METADATA_BYTES = 480
_ENTRY_BYTES = 8  # around each
_OWN_METADATA = ("node", "graph", "trace_id")


def message_of(error: StatusError) -> str:
    """The text that a client sees, cut to what a trailer can carry."""
    return _cut(error.message, _MESSAGE_BYTES)


def encode(error: StatusError, *, graph: str, trace_id: str) -> bytes:
    """Bytes of a `google.rpc.Status` with an `ErrorInfo` and, for field violations, a `BadRequest`.

    Args:
        error: what failed; its `node` says where.
        graph: the graph's name.
        trace_id: 32 hex digits, to be found again in traces and logs; may be empty.
    """
    status = Status(code=int(error.code), message=message_of(error))
    info = ErrorInfo(reason=_cut(error.reason or error.code.name, _REASON_BYTES), domain=DOMAIN)
    info.metadata.update(_fitting(error.metadata))
    own = zip(_OWN_METADATA, (error.node, graph, trace_id), strict=True)
    info.metadata.update({key: value for key, value in own if value})
    status.details.add().Pack(info)
    if error.violations:
        bad = BadRequest()
        for v in error.violations[:_VIOLATIONS]:
            bad.field_violations.add(
                field=_cut(v.field, _VIOLATION_BYTES), description=_cut(v.description, _VIOLATION_BYTES)
            )
        status.details.add().Pack(bad)
    data: bytes = status.SerializeToString()
    return data


def _fitting(metadata: Mapping[str, str]) -> dict[str, str]:
    """The entries for which a trailer has room; one that is too long is left out, not cut."""
    kept: dict[str, str] = {}
    room = _METADATA_BYTES
    for key, value in ((_sendable(str(k)), _sendable(str(v))) for k, v in metadata.items()):
        size = len(key.encode()) + len(value.encode()) + _ENTRY_BYTES
        if size <= room:
            kept[key] = value
            room -= size
    return kept


def decode(code: int, message: str, details: bytes | None) -> StatusError:
    """The error that a status and its details stand for; `node` is empty when the details do not name one.

    Details that cannot be read are left out: the code and the message still say what happened.
    """
    status = _parse(details)
    error = _class_of(code)(message)
    if status is not None:
        _unpack(status, error)
    return error


def of_call(failed: Any) -> StatusError:
    """The error that a gRPC call ended with, as its server meant it; `node` is empty when no service of ours made it.

    Args:
        failed: the `grpc.RpcError` of a call, sync or async.
    """
    details = dict(failed.trailing_metadata() or ()).get(TRAILER)
    return decode(int(failed.code().value[0]), failed.details() or "", details)


def _class_of(code: int) -> type[StatusError]:
    try:
        return BY_CODE.get(Code(code), Unknown)
    except ValueError:  # a code that gRPC does not have (yet)
        return Unknown


def _parse(details: bytes | None) -> Status | None:
    if not details:
        return None
    try:
        return Status.FromString(details)
    except DecodeError:
        return None


def _unpack(status: Status, error: StatusError) -> None:
    info, bad = ErrorInfo(), BadRequest()
    for detail in status.details:
        try:
            if detail.Unpack(info):
                error.node = info.metadata.get("node", "") if info.domain == DOMAIN else ""
                error.reason = "" if info.reason == error.code.name else info.reason
                error.metadata = {k: v for k, v in info.metadata.items() if k not in _OWN_METADATA}
            elif detail.Unpack(bad):
                error.violations = tuple(Violation(v.field, v.description) for v in bad.field_violations)
        except DecodeError:
            continue


def _sendable(text: str) -> str:
    """Text, whatever user code gave, without lone surrogates, which protobuf refuses: errors must get out."""
    return str(text).encode(errors="replace").decode()


def _cut(text: str, size: int) -> str:
    text = _sendable(text)
    data = text.encode()
    return text if len(data) <= size else data[: size - 3].decode(errors="ignore") + "…"
