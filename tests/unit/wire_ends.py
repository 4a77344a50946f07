"""Both ends of the wire in one process: a replica that does what its callers say, and callers that are no peers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from pathlib import Path

from meshgen.codec import grpc_status
from meshgen.codec.wireformat import Buffer
from meshgen.runtime.call.metadata import MetadataByKey
from meshgen.runtime.mesh.handler import FailedError, Rpc, Streaming
from meshgen.runtime.mesh.wire import vitals
from meshgen.runtime.mesh.wire.server import Server
from meshgen.status import Code, NotFound, Violation

MOST = 8 * 1024 * 1024


class Node:
    """What a replica answers, and what became of its calls."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.well = True
        self.leaves = False
        self.slots = 0
        self.cancelled = 0
        self.running = 0
        self.taken = 0
        """Messages that streams have taken, or made."""
        self.go = asyncio.Event()
        self.server: Server | None = None

    @property
    def rpcs(self) -> Mapping[str, Rpc]:
        unary = (self.broken, self.cancels, self.echo, self.fail, self.told, self.wait)
        streams = (self.both, self.count, self.endless, self.fail_after, self.fail_before)
        streams += (self.hold, self.ignores, self.joined)
        return {
            **{f"/s/{one.__name__}": one for one in unary},
            **{f"/s/{one.__name__}": Streaming(one) for one in streams},
            vitals.PATH: Streaming(vitals.Watch(lambda: (self.well, self.slots + self.running))),
        }

    async def listen(self, path: Path) -> Server:
        self.server = Server(path, self.rpcs, most=MOST, well=lambda: self.well, leaving=lambda: self.leaves)
        await self.server.start()
        return self.server

    def close(self) -> None:
        if self.server is not None:
            self.server.close()

    # --- one message each way ---

    async def echo(self, data: Buffer, _metadata: MetadataByKey, _seconds: float | None) -> bytes:
        return bytes(data)

    async def wait(self, data: Buffer, _metadata: MetadataByKey, _seconds: float | None) -> bytes:
        async with self._held():
            await self.go.wait()
        return bytes(data)

    async def fail(self, data: Buffer, _metadata: MetadataByKey, _seconds: float | None) -> bytes:
        raise failed(bytes(data).decode() or "nö such thing")

    async def broken(self, _data: Buffer, _metadata: MetadataByKey, _seconds: float | None) -> bytes:
        raise ZeroDivisionError("on purpose")

    async def cancels(self, _data: Buffer, _metadata: MetadataByKey, _seconds: float | None) -> bytes:
        raise asyncio.CancelledError

    async def told(self, _data: Buffer, metadata: MetadataByKey, seconds: float | None) -> bytes:
        return repr((self.name, metadata, seconds)).encode()

    # --- several ---

    async def both(self, messages: AsyncIterator[Buffer], _m: MetadataByKey, _s: float | None) -> AsyncIterator[bytes]:
        async for message in messages:
            self.taken += 1
            yield bytes(message) * 2

    async def joined(
        self, messages: AsyncIterator[Buffer], _m: MetadataByKey, _s: float | None
    ) -> AsyncIterator[bytes]:
        yield b",".join([bytes(m) async for m in messages])

    async def count(self, messages: AsyncIterator[Buffer], _m: MetadataByKey, _s: float | None) -> AsyncIterator[bytes]:
        async for message in messages:
            for number in range(int(bytes(message))):
                yield b"%d" % number

    async def endless(
        self, _messages: AsyncIterator[Buffer], _m: MetadataByKey, _s: float | None
    ) -> AsyncIterator[bytes]:
        async with self._held():
            while True:
                self.taken += 1
                yield bytes(64 * 1024)

    async def hold(self, messages: AsyncIterator[Buffer], _m: MetadataByKey, _s: float | None) -> AsyncIterator[bytes]:
        """Takes one message, and waits before it takes the next ones."""
        async with self._held():
            await anext(messages)
            await self.go.wait()
        size = 0
        async for message in messages:
            size += len(message)
        yield b"%d" % size

    async def fail_before(
        self, messages: AsyncIterator[Buffer], _m: MetadataByKey, _s: float | None
    ) -> AsyncIterator[bytes]:
        await anext(messages)
        raise failed("before the first")
        yield b""

    async def fail_after(
        self, messages: AsyncIterator[Buffer], _m: MetadataByKey, _s: float | None
    ) -> AsyncIterator[bytes]:
        async for message in messages:
            yield bytes(message)
            raise failed("after the first")

    async def ignores(
        self, _messages: AsyncIterator[Buffer], _m: MetadataByKey, _s: float | None
    ) -> AsyncIterator[bytes]:
        await asyncio.sleep(0.05)
        yield b"done"

    def _held(self) -> _Held:
        return _Held(self)


class _Held:
    def __init__(self, node: Node) -> None:
        self._node = node

    async def __aenter__(self) -> None:
        self._node.running += 1

    async def __aexit__(self, kind: type[BaseException] | None, _error: object, _trace: object) -> None:
        self._node.running -= 1
        self._node.cancelled += kind is not None and issubclass(kind, asyncio.CancelledError | GeneratorExit)


def failed(text: str) -> FailedError:
    error = NotFound(text, node="leaf", violations=[Violation("a.b", "missing")])
    return FailedError(Code.NOT_FOUND, text, grpc_status.encode(error, graph="g", trace_id=""))


async def sent(messages: Iterable[bytes], pause: float = 0) -> AsyncIterator[bytes]:
    for message in messages:
        yield message
        await asyncio.sleep(pause)


async def until(done: Callable[[], bool], seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not done():  # noqa: ASYNC110 - there is no event for what is waited for
            await asyncio.sleep(0.005)


HEAD = b"POST /s/echo HTTP/1.1\r\nhost: x\r\ncontent-type: application/grpc\r\n"


def request(body: bytes = b"\0\0\0\0\2hi", head: bytes = HEAD) -> bytes:
    return b"%scontent-length: %d\r\n\r\n%s" % (head, len(body), body)


async def raw(path: Path, *pieces: bytes, seconds: float = 5, pause: float = 0) -> bytes:
    """What comes back for bytes, until the other side closes, or says no more for a while."""
    reader, writer = await asyncio.open_unix_connection(str(path))
    answer = b""
    try:
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(pause)
        async with asyncio.timeout(seconds):
            while data := await reader.read(65536):
                answer += data
    except (TimeoutError, ConnectionError):
        pass
    finally:
        writer.close()
    return answer
