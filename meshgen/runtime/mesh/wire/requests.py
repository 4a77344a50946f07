"""Reads the requests of a connection, strictly: what is no request of gRPC over HTTP/1.1, or of `/healthz`, is refused.

Nobody pipelines here: neither Envoy nor a caller of ours sends a request before the answer to the last one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

import httptools

from meshgen.codec import grpc_status
from meshgen.codec.wireformat import Buffer
from meshgen.limits import DEFAULT_TIMEOUT_S
from meshgen.runtime.call import tracing
from meshgen.runtime.call.metadata import MetadataByKey
from meshgen.runtime.mesh.wire import headers
from meshgen.runtime.mesh.wire.messages import BadMessageError, Messages
from meshgen.status import Code, InvalidArgument, ResourceExhausted

HEALTH = b"/healthz"


class RefusedError(Exception):
    """What is not taken, and what its sender is told; the connection is of no use after it."""

    def __init__(self, http_status: int, code: Code, text: str, details: bytes = b"") -> None:
        """Args: the HTTP status, that of gRPC, its message, and its details."""
        super().__init__(text)
        self.http_status = http_status
        self.code = code
        self.details = details


@dataclass(slots=True)
class Request:
    """One request as far as it has been read."""

    since: float
    """When it began, on the clock of the event loop."""
    path: bytes = b""
    pairs: list[tuple[bytes, bytes]] = field(default_factory=list)
    """The headers, and then the trailers."""
    metadata: MetadataByKey = field(default_factory=dict)
    seconds: float | None = None
    """How long the caller waits; None when it did not say."""
    by_name: str | None = None
    """What of its message comes by name; empty where only the answer may go so, None where nothing may."""
    is_health: bool = False
    is_last: bool = False
    """The caller closes the connection after its answer."""
    has_head: bool = False
    expects_word: bool = False
    """The caller sends the body when it is told to (RFC 9110, section 10.1.1)."""

    @property
    def size(self) -> int:
        """Bytes of the headers that have come."""
        return len(self.path) + sum(len(name) + len(value) for name, value in self.pairs)

    def overdue(self, now: float) -> bool:
        """Whether it should have come to its end by now."""
        time = (self.seconds or DEFAULT_TIMEOUT_S) if self.has_head else _HEAD_S
        return now - self.since > time


_HEAD_S = 15.0
"""The time for all headers."""
_AROUND_BODY = 2 * headers.LONGEST_HEADERS


class Listener(Protocol):
    """Who acts on what is read."""

    def begun(self, request: Request) -> None:
        """The headers have come."""

    def received(self, message: Buffer) -> None:
        """A message of the body has come."""

    def ended(self, request: Request) -> None:
        """The whole request has come."""


class Requests:
    """The requests of one connection."""

    __slots__ = ("_allowance", "_busy", "_listener", "_messages", "_most", "_now", "_parser", "_request")

    def __init__(self, listener: Listener, most: int) -> None:
        """Args: who is told, and the bytes of the longest message."""
        self._listener = listener
        self._most = most
        self._messages = Messages(most)
        self._request: Request | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._busy = False
        self._now = 0.0
        self._allowance = _AROUND_BODY
        """Bytes that may still come without being part of a body."""

    @property
    def reading(self) -> Request | None:
        """The request that has begun and not ended."""
        return self._request

    def free(self) -> None:
        """The last request has been answered: another one may come."""
        self._busy = False
        self._allowance = _AROUND_BODY

    def forget(self) -> None:
        """Let go what has come of a request that is not taken: its sender may be heard for a while yet."""
        self._messages = Messages(self._most)
        self._parser = httptools.HttpRequestParser(self)
        if self._request is not None:
            self._request.pairs = []

    def feed(self, data: Buffer, now: float) -> None:
        """Read on; `now` is the event loop's clock.

        Raises:
            RefusedError: it cannot be taken.
        """
        self._now = now
        self._allowance -= len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            raise RefusedError(400, Code.INTERNAL, "no other protocol is spoken here") from None
        except httptools.HttpParserError as error:
            if isinstance(error.__context__, RefusedError):
                raise error.__context__ from None
            raise RefusedError(400, Code.INTERNAL, f"not a request of HTTP/1.1: {error}") from None
        # What is not yet a header, or is around chunks, comes before it is counted.
        if self._allowance < 0 and self._request is not None:
            raise _too_large()

    # --- what the parser calls ---

    def on_message_begin(self) -> None:  # noqa: D102
        if self._busy:
            raise RefusedError(400, Code.INTERNAL, "a request came before the last one was answered")
        self._busy = True
        self._request = Request(self._now)

    def on_url(self, url: bytes) -> None:  # noqa: D102
        self._now_read.path += url

    def on_header(self, name: bytes, value: bytes) -> None:  # noqa: D102
        pairs = self._now_read.pairs
        if len(pairs) >= headers.MOST_HEADERS or len(name) > headers.LONGEST_NAME:
            raise _too_large()
        pairs.append((name, value))

    def on_headers_complete(self) -> None:  # noqa: D102
        request, parser = self._now_read, self._parser
        if parser.should_upgrade() or parser.get_http_version() != "1.1":
            raise RefusedError(505, Code.INTERNAL, "only HTTP/1.1 is spoken here")
        if self._allowance < headers.LONGEST_HEADERS and request.size > headers.LONGEST_HEADERS:
            raise _too_large()
        request.has_head = True
        request.is_last = not parser.should_keep_alive()
        method = parser.get_method()
        if request.path == HEALTH and method == b"GET":
            request.is_health = True
            return
        _read_head(request, method)
        request.pairs = []
        self._listener.begun(request)

    def on_body(self, data: bytes) -> None:  # noqa: D102
        # A chunk of one byte comes with five others around it.
        self._allowance += 8 * len(data)
        if self._now_read.is_health:
            raise RefusedError(400, Code.INTERNAL, "no body goes with this request")
        try:
            for message in self._messages.feed(data):
                self._listener.received(message)
        except BadMessageError as error:
            raise RefusedError(200, error.code, str(error)) from None

    def on_message_complete(self) -> None:  # noqa: D102
        request = self._now_read
        if not self._messages.between:
            raise RefusedError(200, Code.INTERNAL, "the body ends within a message")
        self._request = None
        self._listener.ended(request)

    @property
    def _now_read(self) -> Request:
        assert self._request is not None
        return self._request


def _read_head(request: Request, method: bytes) -> None:
    if method != b"POST":
        raise RefusedError(405, Code.INTERNAL, "an rpc is called by POST")
    try:
        own, request.metadata = headers.split(request.pairs)
        if (timeout := own.get(headers.TIMEOUT)) is not None:
            request.seconds = headers.timeout_of(timeout)
        if (by_name := own.get(headers.BY_NAME)) is not None:
            request.by_name = by_name.decode("latin-1")
    except ValueError as error:
        raise _misfit(str(error), request.pairs) from None
    if not headers.is_grpc(own.get(b"content-type", b"")):
        raise RefusedError(415, Code.INTERNAL, "the content-type of an rpc is application/grpc")
    if own.get(b"content-encoding", b"identity") != b"identity":
        raise RefusedError(415, Code.UNIMPLEMENTED, "content-encoding: send the body as it is")
    if own.get(b"transfer-encoding", b"chunked").lower() != b"chunked":
        raise RefusedError(415, Code.UNIMPLEMENTED, "transfer-encoding: send the body as it is, in chunks")
    request.expects_word = own.get(b"expect", b"").lower() == b"100-continue"


def _misfit(text: str, pairs: Iterable[tuple[bytes, bytes]]) -> RefusedError:
    """What is wrong is the caller's, and Envoy lets it through: the error is as whole as one of a node."""
    said = {name.lower().decode("latin-1"): value.decode("latin-1") for name, value in pairs}
    details = grpc_status.encode(InvalidArgument(text), graph="", trace_id=tracing.trace_of(said))
    # The status is in the headers of a good answer, as gRPC-Web and REST look nowhere else for it.
    return RefusedError(200, Code.INVALID_ARGUMENT, text, details)


def _too_large() -> RefusedError:
    most = f"{headers.LONGEST_HEADERS // 1024} KiB in {headers.MOST_HEADERS} headers"
    text = f"the headers are too large; the most are {most}, with names of {headers.LONGEST_NAME} bytes"
    details = grpc_status.encode(ResourceExhausted(text), graph="", trace_id="")
    return RefusedError(431, Code.RESOURCE_EXHAUSTED, text, details)
