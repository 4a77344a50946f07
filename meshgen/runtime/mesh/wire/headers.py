"""What gRPC says in headers and trailers, and how HTTP/1.1 writes it.

Source: `doc/PROTOCOL-HTTP2.md` of gRPC, whose headers are the same over HTTP/1.1, and RFC 9110, section 5.5.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote, unquote

from meshgen.codec import grpc_status
from meshgen.limits import MESSAGE_HEADER
from meshgen.runtime.call.metadata import Metadata, MetadataByKey, Value, joined
from meshgen.status import Code, StatusError

CONTENT_TYPE = b"application/grpc"
STATUS = b"grpc-status"
MESSAGE = b"grpc-message"
DETAILS = grpc_status.TRAILER.encode()
TIMEOUT = b"grpc-timeout"
BY_NAME = MESSAGE_HEADER.encode()
"""What of a message goes by name; of a request it is empty where only the answer may."""
GONE = b"gone"
"""Says in an answer that the request was not there by its name: nothing has been done with it."""

LONGEST_HEADERS = 64 * 1024
"""Bytes of all headers of a message together; Envoy lets 60 KiB through."""
MOST_HEADERS = 200
LONGEST_NAME = 256
"""Bytes of the name of a header."""

_KINDS = (CONTENT_TYPE + b"+proto", CONTENT_TYPE + b";")
_BINARY = "-bin"
_UNITS = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}
_DIGITS = 8
"""Of a `grpc-timeout`, at most."""
_TO_BE_READ = bytes(range(0x20, 0x7F)).replace(b"%", b"").decode()
"""What stands for itself in a `grpc-message`."""
_CONTROLS = bytes([*range(9), *range(10, 32), 127])
"""What no header can have in it."""
_OF_THE_WIRE = frozenset({
    b"connection", b"content-encoding", b"content-length", b"content-type", b"expect", b"grpc-accept-encoding",
    b"grpc-encoding", b"grpc-timeout", b"host", b"keep-alive", b"te", b"trailer", b"transfer-encoding", BY_NAME,
})  # fmt: skip
_LISTS = frozenset({b"connection", b"grpc-accept-encoding", b"te", b"trailer"})
"""Of these the ones that may come several times."""

# https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md
_OF_HTTP = {
    400: Code.INTERNAL,
    401: Code.UNAUTHENTICATED,
    403: Code.PERMISSION_DENIED,
    404: Code.UNIMPLEMENTED,
    429: Code.UNAVAILABLE,
    431: Code.RESOURCE_EXHAUSTED,
    502: Code.UNAVAILABLE,
    503: Code.UNAVAILABLE,
    504: Code.UNAVAILABLE,
}


def is_grpc(content_type: bytes) -> bool:
    """Whether a body is gRPC's; that of gRPC-Web is not."""
    return content_type == CONTENT_TYPE or content_type.startswith(_KINDS)


def split(pairs: Iterable[tuple[bytes, bytes]]) -> tuple[dict[bytes, bytes], MetadataByKey]:
    """Headers of HTTP and gRPC themselves, and metadata.

    Raises:
        ValueError: a `-bin` header is not base64, or one of the former comes twice.
    """
    own: dict[bytes, bytes] = {}
    metadata: MetadataByKey = {}
    for name, value in pairs:
        if not (key := _key(name)):
            known = name.lower()
            if known in own and known not in _LISTS:
                raise ValueError(f"the header '{known.decode()}' comes twice")
            own[known] = value
        elif key in metadata:
            metadata[key] = joined(metadata[key], _value(key, value))
        else:
            metadata[key] = _value(key, value)
    return own, metadata


def written(metadata: Metadata) -> bytes:
    """Metadata as header lines. Raises ValueError for what no header can have in it."""
    text = "".join([f"{key}: {value if isinstance(value, str) else _base64(value)}\r\n" for key, value in metadata])
    lines = text.encode()
    if len(lines.translate(None, _CONTROLS)) != len(lines) - 2 * len(metadata):
        raise ValueError("metadata cannot have line breaks or other control characters in it")
    return lines


def timeout_of(text: bytes) -> float:
    """Seconds of a `grpc-timeout`. Raises ValueError when it is none."""
    number, unit = text[:-1], text[-1:].decode("latin-1")
    if not number.isdigit() or len(number) > _DIGITS or unit not in _UNITS:
        raise ValueError(f"grpc-timeout: {text.decode(errors='replace')!r} is no timeout")
    return int(number) * _UNITS[unit]


def timeout(seconds: float) -> bytes:
    """Seconds as a `grpc-timeout`, as exactly as its eight digits let."""
    for unit in ("u", "m", "S"):
        number = int(seconds / _UNITS[unit])
        if number < 10**_DIGITS:
            return b"%d%s" % (number, unit.encode())
    return b"%dS" % (10**_DIGITS - 1)


def status(code: int, message: str = "", details: bytes = b"", more: Iterable[tuple[str, str]] = ()) -> bytes:
    """The lines of a status, which are trailers or, when no message came before it, headers."""
    lines = [f"grpc-status: {int(code)}\r\n"]
    if message:
        lines.append(f"grpc-message: {_percent(message)}\r\n")
    if details:
        lines.append(f"{grpc_status.TRAILER}: {_base64(details)}\r\n")
    lines += [f"{key}: {value}\r\n" for key, value in more]
    return "".join(lines).encode()


def gone() -> bytes:
    """The lines that say `GONE`."""
    return b"%s: %s\r\n%s" % (BY_NAME, GONE, status(Code.ABORTED, "the message is not there by its name"))


def error_of(http_status: int, headers: dict[bytes, bytes]) -> StatusError | None:
    """What headers or trailers say of a call: None when it went well."""
    code = headers.get(STATUS)
    if code is None:
        of_http = Code.INTERNAL if http_status == 200 else _OF_HTTP.get(http_status, Code.UNKNOWN)
        return grpc_status.decode(of_http, f"an answer with HTTP status {http_status} and without a gRPC status", None)
    if code == b"0":
        return None
    message = unquote(headers.get(MESSAGE, b"").decode("latin-1"))
    try:
        return grpc_status.decode(int(code), message, _bytes(headers.get(DETAILS, b"")))
    except ValueError:
        return grpc_status.decode(Code.UNKNOWN, f"gRPC status {code.decode(errors='replace')!r}: {message}", None)


@lru_cache(1024)
def _key(name: bytes) -> str:
    """The key of metadata that a header is; empty for those of HTTP and gRPC themselves."""
    name = name.lower()
    return "" if name in _OF_THE_WIRE else name.decode("latin-1")


def _value(key: str, value: bytes) -> Value:
    if key.endswith(_BINARY):
        try:
            # Whoever passes it on may have joined the values of a repeated key.
            first, *others = [_bytes(one.strip()) for one in value.split(b",")]
        except ValueError:
            raise ValueError(f"the header '{key}' is not base64") from None
        return (first, *others) if others else first
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")  # what HTTP headers once were, and never wrong


def _bytes(value: bytes) -> bytes:
    """Of base64 with or without its padding. Raises ValueError."""
    try:
        return base64.b64decode(value + b"=" * (-len(value) % 4), validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None


def _base64(value: bytes) -> str:
    return base64.b64encode(value).rstrip(b"=").decode()


def _percent(text: str) -> str:
    inner = quote(text, safe=_TO_BE_READ, errors="replace")
    # Blanks around a header's value are not part of it.
    if inner.strip(" ") == inner:
        return inner
    start, end = len(inner) - len(inner.lstrip(" ")), len(inner.rstrip(" "))
    return "%20" * start + inner[start:end] + "%20" * (len(inner) - max(start, end))
