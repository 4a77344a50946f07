"""Writes the answers of one connection to a replica."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from meshgen.runtime.mesh.bulk.letter import Named
from meshgen.runtime.mesh.wire import headers
from meshgen.runtime.mesh.wire.outgoing import write_chunk
from meshgen.runtime.mesh.wire.requests import RefusedError, Request

_REASONS = {200: b"OK", 400: b"Bad Request", 405: b"Method Not Allowed", 415: b"Unsupported Media Type",
            431: b"Request Header Fields Too Large", 503: b"Service Unavailable",
            505: b"HTTP Version Not Supported"}  # fmt: skip
_CLOSE = b"connection: close\r\n"
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\n"
_BODY = b"transfer-encoding: chunked\r\n\r\n"
_ENDED_WELL = b"0\r\ngrpc-status: 0\r\n\r\n"


class Replies:
    """The answers of one connection, one after the other; nothing happens when it is over."""

    __slots__ = ("_begun", "_ends", "_named", "is_last", "transport")

    def __init__(self, ends: Callable[[Request], bool]) -> None:
        """Args: whether the connection is of no use after the answer to a request."""
        self._ends = ends
        self._begun = False
        """Something of the present answer has been sent."""
        self._named: Named | None = None
        """The last answer that went by name, as long as its name may be wanted."""
        self.transport: asyncio.Transport | None = None
        """It is None before the connection and after it."""
        self.is_last = False
        """The caller was told that this answer is the last one here."""

    @property
    def by_name(self) -> bool:
        """The last answer went by name, and its caller may not have taken it yet."""
        return self._named is not None

    def next(self) -> None:
        """Another request has come: its caller has taken the last answer, or never will."""
        self._begun = False
        if self._named is not None:
            self._named.release()
            self._named = None

    def lost(self) -> None:
        """The connection is over."""
        self.transport = None
        self.next()

    def go_on(self) -> None:
        """Ask for the body of a request whose caller waits for that."""
        if self.transport is not None:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def whole(self, request: Request, answer: bytes | Named) -> None:
        """Send the answer of a call that has one."""
        if isinstance(answer, Named):
            self._named = answer
            by_name = b"%s: %s\r\n" % (headers.BY_NAME, answer.header.encode())
            self._write_chunk(self._head(request) + by_name + _BODY, b"", _ENDED_WELL)
            if self.transport is None:
                self.next()
        else:
            self._write_chunk(self._head(request) + _BODY, answer, _ENDED_WELL)

    def item(self, request: Request, data: bytes) -> None:
        """Send one of several answers."""
        self._write_chunk(b"" if self._begun else self._head(request) + _BODY, data)
        self._begun = True

    def end(self, request: Request) -> None:
        """Say that there are no more."""
        self._write(_ENDED_WELL if self._begun else self._head(request) + _BODY + _ENDED_WELL)

    def fail(self, request: Request, status: bytes) -> None:
        """Send a status: as trailers, or as headers when nothing was sent before it."""
        if self._begun:
            self._write(b"0\r\n%s\r\n" % status)
        else:
            self._write(b"%scontent-length: 0\r\n%s\r\n" % (self._head(request), status))

    def health(self, request: Request, *, well: bool) -> None:
        """Answer `GET /healthz`."""
        status, text = (200, b"ok\n") if well else (503, b"not well\n")
        lines = b"content-type: text/plain\r\ncontent-length: %d\r\n\r\n%s" % (len(text), text)
        self._write(b"HTTP/1.1 %d %s\r\n%s%s" % (status, _REASONS[status], self._last_word(request), lines))

    def refusal(self, error: RefusedError) -> None:
        """Say why a request is not taken."""
        status = headers.status(error.code, str(error), error.details)
        first = b"HTTP/1.1 %d %s\r\n" % (error.http_status, _REASONS[error.http_status])
        fields = b"content-type: application/grpc\r\ncontent-length: 0\r\n"
        self._write(b"".join((first, fields, _CLOSE, status, b"\r\n")))

    def _head(self, request: Request) -> bytes:
        return _HEAD + self._last_word(request)

    def _last_word(self, request: Request) -> bytes:
        """The header of an answer that is the last one on its connection."""
        self.is_last = self._ends(request)
        return _CLOSE if self.is_last else b""

    def _write(self, data: bytes) -> None:
        if self.transport is not None:
            self.transport.write(data)

    def _write_chunk(self, before: bytes, message: bytes, after: bytes = b"") -> None:
        if self.transport is not None:
            write_chunk(self.transport, before, message, after)
