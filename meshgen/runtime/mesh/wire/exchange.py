"""One connection to a replica: requests, one after the other, and their answers."""

from __future__ import annotations

import asyncio
import logging
import select
from collections.abc import Coroutine, Mapping
from contextlib import aclosing
from typing import Any, Protocol, cast

from meshgen.codec.wireformat import Buffer
from meshgen.runtime.call.metadata import MetadataByKey
from meshgen.runtime.mesh.bulk import letter
from meshgen.runtime.mesh.bulk.folder import Folder, GoneError, configured
from meshgen.runtime.mesh.bulk.held import HELD, Held
from meshgen.runtime.mesh.bulk.letter import Named
from meshgen.runtime.mesh.handler import FailedError, Rpc, Streaming
from meshgen.runtime.mesh.wire import headers
from meshgen.runtime.mesh.wire.inbox import Inbox
from meshgen.runtime.mesh.wire.outgoing import Flow
from meshgen.runtime.mesh.wire.replies import Replies
from meshgen.runtime.mesh.wire.requests import RefusedError, Request, Requests
from meshgen.runtime.mesh.wire.turns import Turns
from meshgen.status import Code
from meshgen.tracebacks import kind_and_text

_LINGER_S = 2.0
"""How long a connection stays open whose caller has yet to stop sending, or to take its last answer by name."""
_UNTAKEN_S = 60.0
"""How long an answer waits for its caller to take some more of it."""
_log = logging.getLogger(__name__)


class Host(Protocol):
    """The replica that a connection belongs to."""

    rpcs: Mapping[bytes, Rpc]
    most: int
    """Bytes of the longest message."""
    draining: bool
    """Connections are of no use after their next answer."""

    def well(self) -> bool:
        """Whether this replica should get calls."""

    def entered(self, exchange: Exchange) -> None:
        """There is one more connection."""

    def left(self, exchange: Exchange) -> None:
        """A connection is over."""


class Exchange(asyncio.Protocol):
    """One connection; for the event loop of its socket."""

    def __init__(self, host: Host) -> None:
        """Args: whose it is."""
        self._host = host
        self._loop = asyncio.get_running_loop()
        self._requests = Requests(self, host.most)
        self._turns = Turns(self._read, self._read_on)
        self._replies = Replies(self._ends)
        self._flow = Flow()
        self._message: Buffer | None = None
        """That of a call with one."""
        self._inbox: Inbox | None = None
        """Those of a call with several."""
        self._task: asyncio.Task[None] | None = None
        self._deaf_since: float | None = None
        """Since when nothing that comes is looked at any more."""
        self._untaken = (0, 0.0)
        """Bytes of answers that the caller has not taken, and since when they are as many."""

    def overdue(self, now: float) -> bool:
        """Whether nothing has moved for too long on the caller's side, or it is gone unseen."""
        if self._deaf_since is not None:
            return now - self._deaf_since > _LINGER_S
        if self._inbox is not None and self._inbox.paused and _is_gone(self._transport):
            return True
        untaken = 0 if self._transport is None else self._transport.get_write_buffer_size()
        if untaken != self._untaken[0]:
            self._untaken = (untaken, now)
        request = self._requests.reading
        unsent = request is not None and self._task is None and request.overdue(now)
        return unsent or (untaken > 0 and now - self._untaken[1] > _UNTAKEN_S)

    def abort(self) -> None:
        """End it now; what is under way is cancelled."""
        if self._transport is not None:
            self._transport.abort()

    # --- asyncio.Protocol ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: D102
        # By its methods, not by its class: uvloop's has another.
        self._replies.transport = cast("asyncio.Transport", transport)
        self._host.entered(self)

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002, D102
        self._replies.lost()
        self._host.left(self)
        self._flow.resume()
        if self._task is not None:  # nobody waits for it
            self._task.cancel()

    def pause_writing(self) -> None:  # noqa: D102
        self._flow.pause()

    def resume_writing(self) -> None:  # noqa: D102
        self._flow.resume()

    def data_received(self, data: bytes) -> None:  # noqa: D102
        if self._transport is not None:
            self._turns.take(data, self._transport)

    # --- what is read ---

    def _read(self, data: Buffer) -> None:
        if self._deaf_since is None:
            try:
                self._requests.feed(data, self._loop.time())
            except RefusedError as error:
                self._refuse(error)

    def _read_on(self) -> None:
        waits = self._turns.waiting or (self._inbox is not None and self._inbox.paused)
        if self._transport is not None and not self._transport.is_closing() and not waits:
            self._transport.resume_reading()

    def begun(self, request: Request) -> None:
        """The headers have come: a call with several messages begins."""
        assert self._transport is not None
        self._replies.next()
        if request.expects_word:
            self._replies.go_on()
        rpc = self._host.rpcs.get(request.path)
        if isinstance(rpc, Streaming):
            self._inbox = Inbox(self._transport.pause_reading, self._read_on)
            self._begin(self._stream(rpc, request, self._inbox))

    def received(self, message: Buffer) -> None:
        """A message has come."""
        if self._inbox is not None:
            self._inbox.put(message)
        elif self._message is None:
            self._message = message
        else:
            raise RefusedError(200, Code.INTERNAL, "this rpc takes one message, and more came")

    def ended(self, request: Request) -> None:
        """The whole request has come: a call with one message begins."""
        if self._inbox is not None:
            self._inbox.end()
        elif request.is_health:
            self._replies.health(request, well=self._host.well())
            self._over()
        elif self._message is None:
            raise RefusedError(200, Code.INTERNAL, "this rpc takes one message, and none came")
        else:
            message, self._message = self._message, None
            self._begin(self._answer(request, message))

    # --- what is written ---

    def _begin(self, answering: Coroutine[Any, Any, None]) -> None:
        self._task = self._loop.create_task(answering)

    async def _answer(self, request: Request, message: Buffer) -> None:
        handler = self._host.rpcs.get(request.path, _unknown)
        assert not isinstance(handler, Streaming)
        try:
            folder = configured()
            with Held(by_name=folder is not None and request.by_name is not None) as held:
                HELD.set(held)
                if request.by_name:
                    message = _taken(request.by_name, message, folder, held)
                answer = await handler(message, request.metadata, request.seconds)
                if isinstance(answer, Named):
                    held.pass_on(answer.folder, answer.name)
        except GoneError:
            self._replies.fail(request, headers.gone())
        except (Exception, asyncio.CancelledError) as error:
            self._replies.fail(request, _status(error, request))
            if isinstance(error, asyncio.CancelledError):
                raise
        else:
            self._replies.whole(request, answer)
        finally:
            self._over()

    async def _stream(self, rpc: Streaming, request: Request, inbox: Inbox) -> None:
        try:
            async with aclosing(rpc.answers(inbox, request.metadata, request.seconds)) as answers:  # type: ignore[type-var]
                async for data in answers:
                    # To be lost is told in a turn of its own, which answers that wait for nothing do not leave it.
                    if self._transport is None or self._transport.is_closing():
                        return
                    self._replies.item(request, data)
                    if self._flow.full:
                        await self._flow.room()
        except (Exception, asyncio.CancelledError) as error:
            self._replies.fail(request, _status(error, request))
            if isinstance(error, asyncio.CancelledError):
                raise
        else:
            self._replies.end(request)
        finally:
            self._over()

    @property
    def _transport(self) -> asyncio.Transport | None:
        return self._replies.transport

    def _ends(self, request: Request) -> bool:
        return request.is_last or self._host.draining or self._requests.reading is not None

    def _over(self) -> None:
        """Wait for the next request, if there is to be one."""
        if self._inbox is not None:
            self._inbox.end()
        self._task, self._inbox = None, None
        if self._requests.reading is not None or (self._replies.is_last and self._replies.by_name):
            # Not closed: whoever is still sending would see that before the answer, and what goes by name is theirs
            # only when they have taken it.
            self._deaf_since = self._loop.time()
        elif not self._replies.is_last:
            self._requests.free()
        elif self._transport is not None:
            self._transport.close()

    def _refuse(self, error: RefusedError) -> None:
        """Say why, and read no more."""
        self._deaf_since = self._loop.time()
        self._requests.forget()
        self._message = None
        if self._transport is None:
            return
        if self._inbox is not None and self._requests.reading is not None:
            self._inbox.end(FailedError(error.code, str(error), b""))  # its call fails with it, if it still listens
            return
        if self._task is not None:  # it had come to its end: this is another request
            self.abort()
            return
        self._replies.refusal(error)


def _is_gone(transport: asyncio.Transport | None) -> bool:
    """Whether the other side has closed a connection that is not read."""
    if transport is None:
        return True
    asked = select.poll()
    asked.register(transport.get_extra_info("socket").fileno(), 0)
    return bool(asked.poll(0))


def _taken(header: str, rest: Buffer, folder: Folder | None, held: Held) -> Buffer:
    """The message that comes by name. Raises GoneError when it is not there."""
    if folder is None:
        raise GoneError("no folder is known here")
    return letter.received(header, rest, folder, held.add, writable=True)


async def _unknown(_message: Buffer, _metadata: MetadataByKey, _seconds: float | None) -> bytes:
    raise FailedError(Code.UNIMPLEMENTED, "its replica has no such method", b"")


def _status(error: BaseException, request: Request) -> bytes:
    match error:
        case FailedError():
            return headers.status(error.code, error.message, error.details, error.trailers)
        case asyncio.CancelledError():
            # Whoever gave up does not wait for this; but user code may have cancelled itself.
            return headers.status(Code.CANCELLED, "it was cancelled")
        case _:
            _log.error("%s failed", request.path.decode("latin-1"), exc_info=error)
            return headers.status(Code.UNKNOWN, f"unexpected {kind_and_text(error)}")
