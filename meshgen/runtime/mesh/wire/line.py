"""One connection of a caller: one call at a time, whose end without an answer is the end of the connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import cast

import httptools

from meshgen.codec import grpc_status
from meshgen.codec.wireformat import Buffer
from meshgen.runtime.mesh.bulk.folder import GoneError
from meshgen.runtime.mesh.bulk.letter import Posted
from meshgen.runtime.mesh.channel import LostError
from meshgen.runtime.mesh.wire import headers
from meshgen.runtime.mesh.wire.inbox import Inbox
from meshgen.runtime.mesh.wire.messages import BadMessageError, Messages
from meshgen.runtime.mesh.wire.outgoing import Flow, write, write_chunk
from meshgen.status import Code, StatusError

_LONGEST = 2048 * 1024 * 1024
"""More bytes than the longest message that is let through, which senders see to."""


class Line(asyncio.Protocol):
    """A connection, for the event loop that made it."""

    def __init__(self) -> None:
        """Use `Peer`, which connects lines."""
        self.loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._flow = Flow()
        self._messages = Messages(_LONGEST)
        self._fields: dict[bytes, bytes] = {}
        self._answers: list[Buffer] = []
        self._answer: asyncio.Future[Buffer | Posted] | None = None
        self._inbox: Inbox | None = None
        self._keep = True
        self.idle_since = 0.0
        """When the last call ended, on the clock of the event loop."""

    @property
    def reusable(self) -> bool:
        """Open, and its last call has come to its end."""
        is_open = self._transport is not None and not self._transport.is_closing()
        return is_open and self._keep and self._answer is None and self._inbox is None

    def abort(self) -> None:
        """End it now, and with it the call that is under way."""
        self._keep = False
        if self._transport is not None:
            self._transport.abort()

    async def call(self, head: bytes, message: bytes, seconds: float) -> Buffer | Posted:
        """Send a request and wait for its answer.

        Args:
            head: all of its headers, without those of its length.
            message: that it has.
            seconds: to wait at most.

        Raises:
            StatusError: of the service; its `node` is empty when the service did not make it.
            TimeoutError: no answer came in time.
            LostError: the connection was lost first.
            GoneError: what goes by name was not there; nothing has been done.
        """
        if self._transport is None:
            raise LostError(begun=False)
        answer: asyncio.Future[Buffer | Posted] = self.loop.create_future()
        self._answer = answer
        clock = self.loop.call_later(seconds, self._late)
        try:
            write(self._transport, b"%scontent-length: %d\r\n\r\n" % (head, len(message) + 5), message, b"")
            return await answer
        except BaseException:
            if self._answer is not None:  # there is still something to come
                self.abort()
            raise
        finally:
            clock.cancel()

    async def stream(self, head: bytes, messages: AsyncIterator[bytes], seconds: float) -> AsyncGenerator[Buffer]:
        """Send requests as they come, and give answers as they come; it raises what `call` does."""
        if self._transport is None:
            raise LostError(begun=False)
        self._inbox = inbox = Inbox(self._transport.pause_reading, self._read_on)
        clock = self.loop.call_later(seconds, self._late)
        self._transport.write(head + b"transfer-encoding: chunked\r\n\r\n")
        sending = self.loop.create_task(self._send(messages))
        try:
            async for answer in inbox:
                yield answer
        finally:
            clock.cancel()
            sending.cancel()
            if not (self.reusable and sending.done()):
                self.abort()

    async def _send(self, messages: AsyncIterator[bytes]) -> None:
        try:
            async for message in messages:
                if self._transport is None or self._transport.is_closing():
                    return
                write_chunk(self._transport, b"", message)
                if self._flow.full:
                    await self._flow.room()
            if self._transport is not None:
                self._transport.write(b"0\r\n\r\n")
        except Exception as error:  # noqa: BLE001 - whoever takes the answers is told
            self._end(error)
            self.abort()

    def _read_on(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def _late(self) -> None:
        self._end(TimeoutError())
        self.abort()

    def _end(self, error: Exception | None) -> None:
        """Tell who waits how the call ended."""
        if self._inbox is not None:
            inbox, self._inbox = self._inbox, None
            inbox.end(error)
        answers, self._answers = self._answers, []
        if self._answer is not None:
            answer, self._answer = self._answer, None
            if answer.done():  # given up
                return
            if error is not None:
                answer.set_exception(error)
            elif len(answers) != 1:
                text = f"{len(answers)} messages came where an rpc has one"
                answer.set_exception(grpc_status.decode(Code.INTERNAL, text, None))
            elif (by_name := self._fields.get(headers.BY_NAME)) is not None:
                answer.set_result(Posted(by_name.decode("latin-1")))
            else:
                answer.set_result(answers[0])

    # --- asyncio.Protocol ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: D102
        # By its methods, not by its class: uvloop's has another.
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002, D102
        self._transport = None
        self._flow.resume()
        self._end(LostError(begun=True))

    def pause_writing(self) -> None:  # noqa: D102
        self._flow.pause()

    def resume_writing(self) -> None:  # noqa: D102
        self._flow.resume()

    def data_received(self, data: bytes) -> None:  # noqa: D102
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            why = error.__context__ if isinstance(error.__context__, BadMessageError) else error
            self._end(grpc_status.decode(Code.INTERNAL, f"its answer cannot be read: {why}", None))
            self.abort()

    # --- what the parser calls ---

    def on_message_begin(self) -> None:  # noqa: D102
        self._fields = {}
        if self._answer is None and self._inbox is None:  # nobody has asked
            self.abort()

    def on_header(self, name: bytes, value: bytes) -> None:  # noqa: D102
        self._fields[name.lower()] = value

    def on_body(self, data: bytes) -> None:  # noqa: D102
        if not headers.is_grpc(self._fields.get(b"content-type", b"")):
            return  # somebody else's page
        for received in self._messages.feed(data):
            # An answer may be passed on to others after somebody in this process has looked into it.
            message = received.toreadonly() if isinstance(received, memoryview) else received
            if self._inbox is not None:
                self._inbox.put(message)
            else:
                self._answers.append(message)

    def on_message_complete(self) -> None:  # noqa: D102
        is_whole = self._messages.between
        self._keep = self._keep and is_whole and self._parser.should_keep_alive()
        if self._fields.get(headers.BY_NAME) == headers.GONE:
            self._end(GoneError("the message is not there by its name"))
            return
        status: StatusError | None = headers.error_of(self._parser.get_status_code(), self._fields)
        if status is None and not is_whole:
            status = grpc_status.decode(Code.INTERNAL, "its answer ends within a message", None)
        self._end(status)
