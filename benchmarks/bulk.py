"""Big messages between two processes, by name and by a Unix socket, to see from which size on a name is worth it.

    python -m benchmarks.bulk

One way: from the caller's bytes to the first look at every page in the other process, and a word back. Passed on: an
answer that came from one process goes to the next, as a driver passes it; by the socket it is read and written, by name
nobody reads it. Both ways take turns, so that what else the machine does is the same for both.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import uvloop

from meshgen.codec.passthrough import Part, Span
from meshgen.runtime.mesh.bulk import letter, room
from meshgen.runtime.mesh.bulk.folder import Folder
from meshgen.runtime.mesh.bulk.held import Held

SIZES = [64 << 10, 128 << 10, 256 << 10, 512 << 10, 1 << 20, 4 << 20, 16 << 20]
REPETITIONS = 5
_PAGE = 4096
_HEAD = 8
_BOUND = 1 << 30


class End(asyncio.BufferedProtocol):
    """Reads messages, each into memory of its own: two lengths, a header, the bytes."""

    def __init__(self, told: Callable[[End, str, memoryview], None]) -> None:
        self.told = told
        self.transport: asyncio.Transport
        self._begin(_HEAD)

    def _begin(self, size: int, header: int | None = None) -> None:
        self._buffer, self._filled, self._header = memoryview(bytearray(size)), 0, header

    def send(self, header: str, message: Part = b"") -> None:
        assert not isinstance(message, Span)
        head = header.encode()
        self.transport.write(len(head).to_bytes(4) + len(message).to_bytes(4) + head)
        if len(message):
            self.transport.write(message)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def connection_lost(self, error: Exception | None) -> None:
        sys.exit() if __name__ == "__main__" and len(sys.argv) > 1 else None

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        self._filled += nbytes
        if self._filled < len(self._buffer):
            return
        if self._header is None:
            header, message = int.from_bytes(self._buffer[:4]), int.from_bytes(self._buffer[4:])
            self._begin(header + message, header)
            return
        text, data = str(self._buffer[: self._header], "utf-8"), self._buffer[self._header :]
        self._begin(_HEAD)
        self.told(self, text, data)


def answering(folder: Folder) -> Callable[[End, str, memoryview], None]:
    """What the other process does: looks at each page and says so, or gives the message back."""
    kept: dict[str, bytes] = {}

    def told(end: End, header: str, data: memoryview) -> None:
        if header.startswith("give"):
            _, how, size = header.split()
            if size not in kept:
                kept[size] = os.urandom(int(size))
            message = kept[size]
            made = letter.answer([message], folder) if how == "name" else None
            end.send(made.header) if made else end.send("", message)
            return
        with Held() as held:
            message_ = letter.received(header, data, folder, held.add, writable=True) if header != "bytes" else data
            sum(memoryview(message_)[::_PAGE])
            end.send("done")

    return told


class Caller:
    """Calls the other process, one call at a time."""

    def __init__(self, folder: Folder, end: End) -> None:
        self._folder, self._end = folder, end

    async def _exchange(self, header: str, message: Part = b"") -> tuple[str, memoryview]:
        answer: asyncio.Future[tuple[str, memoryview]] = asyncio.get_running_loop().create_future()
        self._end.told = lambda _, header, data: answer.set_result((header, data))
        self._end.send(header, message)
        return await answer

    async def by_socket(self, message: Part) -> None:
        await self._exchange("bytes", message)

    async def by_name(self, message: Part) -> None:
        made = letter.post([message], self._folder)
        assert made is not None
        with made.sent() as header:
            assert header is not None
            await self._exchange(header, made.rest)
        made.close()

    async def passed_by_socket(self, size: int) -> None:
        _, data = await self._exchange(f"give bytes {size}")
        await self._exchange("bytes", bytes(data))

    async def passed_by_name(self, size: int) -> None:
        with Held() as held:
            header, _ = await self._exchange(f"give name {size}")
            data = letter.received(header, b"", self._folder, held.add, writable=False)
            await self.by_name(Span(memoryview(data), 0, len(data)))


async def timed(work: Callable[[], Awaitable[None]], times: int) -> float:
    """The least milliseconds that it takes: what else the machine does can only add to it."""
    found = []
    for _ in range(times):
        begin = time.perf_counter()
        await work()
        found.append((time.perf_counter() - begin) * 1000)
    return min(found)


async def measured(caller: Caller) -> None:
    ways = [f"{f'{way}, ms: socket':>23} {'name':>8} {'ratio':>6}" for way in ("one way", "passed on")]
    print(f"{'KiB':>6}", *ways)
    for size in SIZES:
        message, times = os.urandom(size), max(7, min(100, (64 << 20) // size))
        works: list[Callable[[], Awaitable[None]]] = [
            partial(caller.by_socket, message),
            partial(caller.by_name, message),
            partial(caller.passed_by_socket, size),
            partial(caller.passed_by_name, size),
        ]
        rounds = [[await timed(work, times) for work in works] for _ in range(REPETITIONS + 1)][1:]
        a, b, c, d = (statistics.median(column) for column in zip(*rounds, strict=True))
        print(f"{size >> 10:>6} {a:>23.3f} {b:>8.3f} {b / a:>6.2f} {c:>23.3f} {d:>8.3f} {d / c:>6.2f}", flush=True)


async def serve(folder: Folder, socket: str) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_unix_server(lambda: End(answering(folder)), socket)
    print("up", flush=True)
    await server.serve_forever()


async def run() -> None:
    place = Path(tempfile.mkdtemp(prefix="bench-bulk-", dir="/dev/shm"))
    (place / room.FILE).write_text(str(_BOUND))
    other = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.bulk", str(place), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert other.stdout is not None
        await other.stdout.readline()
        letter.LEAST = letter.WRITTEN = 1
        _, end = await asyncio.get_running_loop().create_unix_connection(
            lambda: End(lambda *_: None), str(place / "socket")
        )
        await measured(Caller(Folder(place), end))
    finally:
        other.kill()
        await other.wait()
        shutil.rmtree(place)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        letter.LEAST = letter.WRITTEN = 1
        uvloop.run(serve(Folder(Path(sys.argv[1])), f"{sys.argv[1]}/socket"))
    else:
        uvloop.run(run())
