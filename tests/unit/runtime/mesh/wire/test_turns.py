"""What takes long to read is read in turns with others, in its order and to its end."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from wire_ends import HEAD, Node, raw, sent, until

from meshgen.codec.wireformat import Buffer
from meshgen.runtime.mesh.wire.peer import Peer
from meshgen.runtime.mesh.wire.turns import Turns


class Connection:
    """That of one who sends: what is read of it, and whether more may come."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.pieces: list[bytes] = []
        self.closing = self.paused = False
        self.turns = Turns(self.read, self.resume_reading)

    def take(self, data: bytes) -> None:
        transport: Any = self
        self.turns.take(data, transport)

    def read(self, data: Buffer) -> None:
        time.sleep(self.seconds)
        self.pieces.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closing

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False


MESSAGE = bytes(50_000)
DATA = bytes(range(256)) * 1000


async def test_what_takes_no_time_is_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_NO_TIME_S", "_TURN_S"):  # however busy the machine is
        monkeypatch.setattr(f"meshgen.runtime.mesh.wire.turns.{name}", 10.0)
    small = Connection()
    small.take(b"x")
    assert small.pieces == [b"x"]
    big = Connection()
    big.take(DATA)
    assert (b"".join(big.pieces), big.paused) == (DATA, False)
    assert len(big.pieces) == 6


async def test_what_takes_long_is_read_in_turns() -> None:
    connection, others = Connection(0.003), 0
    connection.take(DATA)
    assert (len(connection.pieces), connection.paused) == (1, True)
    connection.take(b"the end")  # that was under way
    while connection.paused:
        await asyncio.sleep(0)
        others += 1
    assert b"".join(connection.pieces) == DATA + b"the end"
    assert others >= len(connection.pieces) - 1 > 10
    connection.take(b"x")
    assert connection.pieces[-1] == b"x"


async def test_nothing_is_read_of_who_is_gone() -> None:
    connection = Connection(0.003)
    connection.take(DATA)
    connection.closing = True
    await asyncio.sleep(0.02)
    assert len(connection.pieces) <= 2


@pytest.mark.parametrize("rpc", ["echo", "joined", "hold"])
async def test_a_message_in_many_small_chunks(node: Node, tmp_path: Path, rpc: str) -> None:
    body = b"\0" + len(MESSAGE).to_bytes(4, "big") + MESSAGE
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    head = HEAD.replace(b"echo", rpc.encode()) + b"connection: close\r\ntransfer-encoding: chunked\r\n\r\n"
    asked = [asyncio.create_task(raw(tmp_path / "s", head, chunks, seconds=20)) for _ in range(3)]
    if rpc == "hold":
        await until(lambda: node.running == 3)
        node.go.set()
    for got in await asyncio.gather(*asked):
        assert got.endswith((b"0" if rpc == "hold" else MESSAGE) + b"\r\n0\r\ngrpc-status: 0\r\n\r\n")


async def test_a_pause_of_who_takes_outlives_that_of_who_reads(node: Node, peer: Peer) -> None:
    """Messages that are small wait for their handler, which takes none; all of them arrive in the end."""
    count = 100_000
    stream = peer.stream(b"/s/hold", sent([b"".join([b"xxxxx"] * 50)] * (count // 50)), 20, ())
    first = asyncio.ensure_future(anext(stream))
    await until(lambda: node.running == 1)
    await asyncio.sleep(0.2)
    node.go.set()
    assert await first == b"%d" % (5 * count - 250)
    await stream.aclose()  # type: ignore[attr-defined]
