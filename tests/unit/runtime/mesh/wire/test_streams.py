"""Rpcs with several messages: in lock step, at the pace of who takes them, ended by anyone at any time."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from wire_ends import HEAD, Node, raw, sent, until

from meshgen.runtime.mesh.channel import LostError
from meshgen.runtime.mesh.wire.peer import Peer
from meshgen.status import Code, StatusError, Violation

PIECE = bytes(64 * 1024)


async def given(peer: Peer, rpc: str, *messages: bytes, seconds: float = 5) -> list[bytes]:
    return [bytes(m) async for m in peer.stream(f"/s/{rpc}".encode(), sent(messages), seconds, ())]


async def test_each_kind_of_rpc(peer: Peer) -> None:
    assert bytes(await peer.call(b"/s/echo", b"x", 5, ())) == b"x"
    assert await given(peer, "joined", b"a", b"b", b"", b"c" * 100_000) == [b"a,b,," + b"c" * 100_000]
    assert await given(peer, "joined") == [b""]
    assert await given(peer, "count", b"4") == [b"0", b"1", b"2", b"3"]
    assert await given(peer, "count", b"0") == []
    assert await given(peer, "both", b"a", b"", b"c") == [b"aa", b"", b"cc"]
    assert await given(peer, "both") == []
    assert len(peer._lines) == 1, "one connection for all of them, one after the other"
    assert peer.busy == 0


async def test_an_rpc_with_one_message_can_be_called_as_a_stream_and_the_other_way_round(peer: Peer) -> None:
    assert await given(peer, "echo", b"x") == [b"x"]
    assert await peer.call(b"/s/joined", b"x", 5, ()) == b"x"
    for messages in ((), (b"a", b"b")):
        with pytest.raises(StatusError, match="this rpc takes one message, and"):
            await given(peer, "echo", *messages)


async def test_both_sides_speak_in_turn(peer: Peer) -> None:
    answers: asyncio.Queue[bytes] = asyncio.Queue()

    async def messages() -> AsyncIterator[bytes]:
        message = b"1"
        while len(message) < 200_000:
            yield message
            message = await answers.get()

    async for answer in peer.stream(b"/s/both", messages(), 5, ()):
        answers.put_nowait(bytes(answer))
    assert len(answer) >= 200_000


async def test_messages_keep_their_places_whatever_their_sizes(peer: Peer) -> None:
    messages = [bytes([i]) * size for i, size in enumerate((0, 1, 16_384, 16_385, 300_000, 5, 40_000, 0))]
    assert await given(peer, "both", *messages) == [m * 2 for m in messages]


@pytest.mark.parametrize(("rpc", "before"), [("fail_before", []), ("fail_after", [b"m"])])
async def test_an_error_arrives_whole_before_and_after_the_first_answer(
    peer: Peer, rpc: str, before: list[bytes]
) -> None:
    for _ in range(3):
        got = []
        with pytest.raises(StatusError) as raised:  # noqa: PT012 - raised by the loop itself
            async for answer in peer.stream(f"/s/{rpc}".encode(), sent([b"m"]), 5, ()):
                got.append(bytes(answer))
        error = raised.value
        assert (error.code, error.node) == (Code.NOT_FOUND, "leaf")
        assert error.message == rpc.removeprefix("fail_") + " the first"
        assert error.violations == (Violation("a.b", "missing"),)
        assert got == before


@pytest.mark.parametrize("rpc", ["fail_before", "fail_after", "other", "echo"])
@pytest.mark.parametrize("pause", [0, 0.001])
async def test_an_early_end_is_heard_by_who_is_still_sending(peer: Peer, node: Node, rpc: str, pause: float) -> None:
    with pytest.raises(StatusError) as raised:
        async for _ in peer.stream(f"/s/{rpc}".encode(), sent([PIECE] * 300, pause), 20, ()):
            pass
    assert raised.value.code is not Code.UNAVAILABLE
    server = node.server
    assert server is not None
    await until(lambda: not server._open)


@pytest.mark.usefixtures("soon")
async def test_a_message_that_cannot_be_taken_fails_its_call_with_a_status(node: Node, tmp_path: Path) -> None:
    head = HEAD.replace(b"echo", b"both") + b"transfer-encoding: chunked\r\n\r\n"
    answer = await raw(tmp_path / "s", head, b"6\r\n\0\0\0\0\1a\r\n", b"6\r\n\1\0\0\0\1b\r\n", pause=0.05)
    assert b"\0\0\0\0\2aa" in answer
    assert b"grpc-status: 12\r\ngrpc-message: compressed messages are not taken; send it as it is" in answer
    big = b"5\r\n\0\x7f\0\0\0\r\n"
    answer = await raw(tmp_path / "s", head, big)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\nconnection: close\r\n")
    assert b"grpc-status: 8\r\n" in answer


async def test_who_takes_slowly_stops_who_makes(peer: Peer, node: Node) -> None:
    stream = peer.stream(b"/s/endless", sent([]), 30, ())
    await anext(stream)
    counts = []
    for _ in range(3):
        await until_it_stands(node)
        counts.append(node.taken)
        for _ in range(10):  # others have their own connections
            assert await peer.call(b"/s/echo", b"x", 5, ()) == b"x"
        for _ in range(20):
            await anext(stream)
    # What the two ends and the kernel between them hold: some 300 KiB each.
    assert counts[0] < 30
    assert counts[2] - counts[0] < 60
    server = node.server
    assert server is not None
    assert max(e._transport.get_write_buffer_size() for e in server._open if e._transport) < 4 * len(PIECE)
    await stream.aclose()  # type: ignore[attr-defined]
    await until(lambda: node.cancelled == 1)


async def until_it_stands(node: Node) -> None:
    before = -1
    while node.taken != before:
        before = node.taken
        await asyncio.sleep(0.05)


async def test_a_replica_that_takes_slowly_stops_its_caller(peer: Peer, node: Node) -> None:
    made = 0

    async def messages() -> AsyncIterator[bytes]:
        nonlocal made
        for made in range(1, 201):  # noqa: B007 - it is looked at
            yield PIECE

    stream = peer.stream(b"/s/hold", messages(), 30, ())
    first = asyncio.ensure_future(anext(stream))
    await until(lambda: node.running == 1)
    await asyncio.sleep(0.2)
    assert made < 40
    [line] = peer._lines
    assert line._transport is not None
    assert line._transport.get_write_buffer_size() < 4 * len(PIECE)
    assert await peer.call(b"/s/echo", b"x", 5, ()) == b"x"
    node.go.set()
    assert await first == b"%d" % (199 * len(PIECE))
    await stream.aclose()  # type: ignore[attr-defined]


async def test_who_is_gone_while_nothing_is_read_is_seen_all_the_same(peer: Peer, node: Node) -> None:
    stream = peer.stream(b"/s/hold", sent([PIECE] * 200), 30, ())
    first = asyncio.ensure_future(anext(stream))
    await until(lambda: node.running == 1)
    server = node.server
    assert server is not None
    await until(lambda: any(e._inbox is not None and e._inbox.paused for e in server._open))
    first.cancel()
    await until(lambda: node.cancelled == 1, 2)
    await until(lambda: not server._open)


@pytest.mark.parametrize("way", ["aclose", "forgotten", "cancelled", "late"])
async def test_a_stream_that_is_left_ends_its_work(peer: Peer, node: Node, way: str) -> None:
    stream: Any = peer.stream(b"/s/endless", sent([]), 0.3 if way == "late" else 20, ())
    await anext(stream)
    assert (node.running, peer.busy) == (1, 1)
    match way:
        case "aclose":
            await stream.aclose()
        case "forgotten":
            del stream
            gc.collect()
        case "cancelled":

            async def take() -> None:
                async for _ in stream:
                    await asyncio.sleep(0.01)

            taking = asyncio.create_task(take())
            await asyncio.sleep(0.05)
            taking.cancel()
            del take, stream
            await asyncio.gather(taking, return_exceptions=True)
            del taking
            gc.collect()
        case _:
            with pytest.raises(TimeoutError):  # noqa: PT012 - it is raised by the loop itself
                async for _ in stream:
                    await asyncio.sleep(0.01)
    await until(lambda: node.running == 0 and node.cancelled == 1)
    await until(lambda: (peer.busy, len(peer._lines), len(peer._idle)) == (0, 0, 0))
    assert await peer.call(b"/s/echo", b"x", 5, ()) == b"x"


async def test_a_connection_whose_stream_was_left_full_is_no_trap(peer: Peer) -> None:
    for size in (100_000, 300_000):
        stream: Any = peer.stream(b"/s/both", sent([bytes(size)] * 3), 5, ())
        await anext(stream)
        await asyncio.sleep(0.1)
        await stream.aclose()
        assert await peer.call(b"/s/echo", b"x", 2, ()) == b"x"


async def test_a_call_that_took_nothing_leaves_its_connection_as_it_was(peer: Peer) -> None:
    for _ in range(3):  # an rpc that answers without taking what it was sent
        assert await given(peer, "ignores", *[bytes(100_000)] * 4) == [b"done"]
    assert await peer.call(b"/s/echo", b"x", 2, ()) == b"x"


async def test_what_the_callers_own_messages_fail_with_is_raised(peer: Peer, node: Node) -> None:
    async def messages() -> AsyncIterator[bytes]:
        yield b"1"
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        async for _ in peer.stream(b"/s/both", messages(), 5, ()):
            pass
    server = node.server
    assert server is not None
    await until(lambda: not server._open)


async def test_a_replica_that_goes_ends_its_streams(peer: Peer, node: Node) -> None:
    stream = peer.stream(b"/s/endless", sent([]), 20, ())
    await anext(stream)
    node.close()
    with pytest.raises(LostError) as raised:
        async for _ in stream:
            pass
    assert raised.value.begun
    await until(lambda: node.cancelled == 1)


async def test_many_streams_at_once(peer: Peer) -> None:
    async def one(number: int) -> bool:
        messages = [b"%d-%d" % (number, i) * (1 + 1000 * (i % 3)) for i in range(50)]
        return await given(peer, "both", *messages, seconds=30) == [m * 2 for m in messages]

    assert all(await asyncio.gather(*(one(i) for i in range(50))))


async def test_messages_with_nothing_in_them_wait_as_others_do(node: Node, tmp_path: Path) -> None:
    _, writer = await asyncio.open_unix_connection(tmp_path / "s")
    writer.write(HEAD.replace(b"echo", b"hold") + b"transfer-encoding: chunked\r\n\r\n")
    chunk = bytes(5) * 13_107
    for _ in range(40):
        writer.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
    server = node.server
    assert server is not None
    await until(lambda: any(e._inbox is not None and e._inbox.paused for e in server._open))
    (inbox,) = [e._inbox for e in server._open if e._inbox is not None]
    await asyncio.sleep(0.2)
    assert len(inbox._waiting) < 10 * 13_107, "of 40 times as many"
    writer.transport.abort()
