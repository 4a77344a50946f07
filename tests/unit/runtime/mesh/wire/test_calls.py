"""Calls with one message each way, from `Peer` to `Server`, on a real socket."""

from __future__ import annotations

import asyncio
import resource
import socket
from ast import literal_eval
from pathlib import Path
from typing import Any

import pytest
from wire_ends import Node, until

from meshgen.runtime.mesh.channel import LostError
from meshgen.runtime.mesh.wire import peer as peers
from meshgen.runtime.mesh.wire.peer import Peer
from meshgen.status import Code, StatusError, Violation

WELL = b"HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ncontent-length: %d\r\ngrpc-status: 0\r\n\r\n"
LONG = 300_000
"""Bytes; more than a connection's own buffer."""


async def test_a_call_is_told_what_its_caller_said(peer: Peer) -> None:
    pairs = (("traceparent", "00-a"), ("who", "me"))
    told = literal_eval(bytes(await peer.call(b"/s/told", b"", 7, pairs)).decode())
    assert told == ("", dict(pairs), pytest.approx(7, abs=0.5))
    assert literal_eval(bytes(await peer.call(b"/s/told", b"", 7, ())).decode())[1] == {}


@pytest.mark.parametrize("size", [0, 1, 16_384, 16_385, 70_000, 5_000_000])
async def test_a_message_of_any_size_comes_back(peer: Peer, size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    assert await peer.call(b"/s/echo", data[:size], 20, ()) == data[:size]


async def test_each_of_many_calls_gets_its_own_answer(peer: Peer, node: Node) -> None:
    messages = [str(i).encode() * (LONG if i % 50 == 0 else 1) for i in range(200)]
    paths = [b"/s/wait" if i % 3 == 0 else b"/s/echo" for i in range(200)]
    calls = [asyncio.create_task(peer.call(p, m, 20, ())) for p, m in zip(paths, messages, strict=True)]
    await until(lambda: peer.busy == node.running == 67, 20)
    node.go.set()
    assert await asyncio.gather(*calls) == messages
    assert peer.busy == 0


async def test_connections_are_used_again(peer: Peer, node: Node) -> None:
    for _ in range(20):
        await asyncio.gather(*(peer.call(b"/s/echo", b"x", 5, ()) for _ in range(3)))
    assert node.server is not None
    assert len(node.server._open) == len(peer._idle) == 3


async def test_an_error_keeps_its_details(peer: Peer) -> None:
    with pytest.raises(StatusError) as raised:
        await peer.call(b"/s/fail", b"", 5, ())
    error = raised.value
    assert (error.code, error.message, error.node) == (Code.NOT_FOUND, "nö such thing", "leaf")
    assert error.violations == (Violation("a.b", "missing"),)


@pytest.mark.parametrize(
    ("path", "code", "text"),
    [
        (b"/s/other", Code.UNIMPLEMENTED, "its replica has no such method"),
        (b"/s/broken", Code.UNKNOWN, "unexpected ZeroDivisionError: on purpose"),
        (b"/s/cancels", Code.CANCELLED, "it was cancelled"),
    ],
)
async def test_whatever_goes_wrong_is_an_answer(peer: Peer, path: bytes, code: Code, text: str) -> None:
    for _ in range(2):  # the connection is as good as before
        with pytest.raises(StatusError) as raised:
            await peer.call(path, b"", 5, ())
        assert (raised.value.code, raised.value.message, raised.value.node) == (code, text, "")


async def test_a_message_over_the_most_is_refused_when_its_length_is_seen(peer: Peer) -> None:
    with pytest.raises(StatusError) as raised:
        await peer.call(b"/s/echo", bytes(9_000_000), 20, ())
    assert raised.value.code is Code.RESOURCE_EXHAUSTED
    assert raised.value.message == "a message of 9000000 bytes, and the most are 8388608"
    assert await peer.call(b"/s/echo", b"next", 5, ()) == b"next"


async def test_metadata_that_cannot_be_sent_fails_its_own_call_only(peer: Peer) -> None:
    waiting = asyncio.create_task(peer.call(b"/s/wait", b"", 0.3, ()))
    for value in ("a\0b", "a\r\nb: c", "a\nb", "\ud800", "\x7f", "\x1b[0m"):
        with pytest.raises(ValueError):
            await peer.call(b"/s/told", b"", 5, (("who", value),))
    with pytest.raises(TimeoutError):
        await waiting
    assert peer.busy == 0


async def test_a_late_answer_is_not_waited_for_and_not_worked_for(peer: Peer, node: Node) -> None:
    with pytest.raises(TimeoutError):
        await peer.call(b"/s/wait", b"", 0.1, ())
    await until(lambda: node.cancelled == 1)
    assert await peer.call(b"/s/echo", b"next", 5, ()) == b"next"
    for seconds in (0, -1):
        with pytest.raises(TimeoutError):
            await peer.call(b"/s/echo", b"", seconds, ())


async def test_who_gives_up_ends_the_work(peer: Peer, node: Node) -> None:
    calling = asyncio.create_task(peer.call(b"/s/wait", b"", 5, ()))
    await until(lambda: node.running == 1)
    begin = asyncio.get_running_loop().time()
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    await until(lambda: node.cancelled == 1)
    assert asyncio.get_running_loop().time() - begin < 0.5
    assert peer.busy == 0


@pytest.mark.parametrize("turns", range(5))
async def test_calls_that_are_given_up_as_they_begin_leave_nothing(peer: Peer, node: Node, turns: int) -> None:
    made = [asyncio.create_task(peer.call(b"/s/wait", b"", 5, ())) for _ in range(50)]
    for _ in range(turns):
        await asyncio.sleep(0)
    for one in made:
        one.cancel()
    assert {type(e) for e in await asyncio.gather(*made, return_exceptions=True)} == {asyncio.CancelledError}
    assert await peer.call(b"/s/echo", b"x", 5, ()) == b"x"
    server = node.server
    assert server is not None
    await until(lambda: node.running == 0 and len(server._open) == 1)
    assert (peer.busy, len(peer._lines), len(peer._idle)) == (0, 1, 1)


async def test_a_caller_that_vanishes_ends_its_work(peer: Peer, node: Node) -> None:
    calling = asyncio.create_task(peer.call(b"/s/wait", b"", 5, ()))
    await until(lambda: node.running == 1)
    peer.close()
    with pytest.raises(LostError) as raised:
        await calling
    assert raised.value.begun
    await until(lambda: node.cancelled == 1)


# --- what is lost, and when ---


async def test_who_is_not_there_has_begun_nothing(node: Node, tmp_path: Path) -> None:
    nobody = tmp_path / "nobody"
    for path in (tmp_path / "none", nobody, tmp_path / ("x" * 200)):
        if path is nobody:
            socket.socket(socket.AF_UNIX).bind(str(path))  # as a process leaves it that was killed
        with pytest.raises(LostError) as raised:
            await Peer(path).call(b"/s/echo", b"", 5, ())
        assert not raised.value.begun
        assert str(raised.value).startswith("there is no connection: ")


async def test_without_descriptors_nothing_has_begun(peer: Peer, node: Node) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    calls = [asyncio.create_task(peer.call(b"/s/wait", b"x", 20, ())) for _ in range(5)]
    await until(lambda: node.running == 5)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, before[1]))
    try:
        with pytest.raises(LostError, match="Too many open files") as raised:
            await peer.call(b"/s/echo", b"", 5, ())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert not raised.value.begun
    node.go.set()
    assert await asyncio.gather(*calls) == [b"x"] * 5


async def test_a_replica_without_descriptors_lets_callers_in_later(
    peer: Peer, node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    assert await peer.call(b"/s/echo", b"a", 5, ()) == b"a"
    # A descriptor for the caller's end, and none for the replica's.
    with socket.socket() as free:
        lowest = free.fileno()
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + 1, before[1]))
    try:
        waiting = asyncio.create_task(peer.call(b"/s/wait", b"w", 20, ()))  # takes the connection that there is
        await until(lambda: node.running == 1)
        calling = asyncio.create_task(peer.call(b"/s/echo", b"b", 20, ()))
        await asyncio.sleep(0.7)
        assert not calling.done()
        assert "lets nobody in for now: [Errno 24] Too many open files" in caplog.text
        node.go.set()
        assert await waiting == b"w"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert await calling == b"b"


async def test_more_callers_than_the_most_wait_until_others_leave(
    node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meshgen.runtime.mesh.wire.server._MOST_CONNECTIONS", 3)
    held = [await asyncio.open_unix_connection(str(tmp_path / "s")) for _ in range(4)]
    peer = Peer(tmp_path / "s")
    calling = asyncio.create_task(peer.call(b"/s/echo", b"b", 20, ()))
    await asyncio.sleep(0.4)
    assert not calling.done()
    for _, writer in held:
        writer.close()
    assert await calling == b"b"
    peer.close()


async def test_a_connection_that_the_other_side_closed_is_not_used_again(peer: Peer, node: Node) -> None:
    await asyncio.gather(*(peer.call(b"/s/echo", b"x", 5, ()) for _ in range(3)))
    assert node.server is not None
    for exchange in list(node.server._open):
        exchange.abort()
    await until(lambda: not any(line.reusable for line in peer._lines))
    assert await peer.call(b"/s/echo", b"x", 5, ()) == b"x"
    assert len(peer._lines) == 1


async def test_an_answer_that_comes_as_its_caller_gives_up_is_not_the_next_ones(tmp_path: Path) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"old")
        await reader.readuntil(b"new")
        writer.write(_answer(b"new"))

    server = await asyncio.start_unix_server(answer, tmp_path / "other")
    peer = Peer(tmp_path / "other")
    call = asyncio.create_task(peer.call(b"/s/echo", b"old", 5, ()))
    await until(lambda: bool(peer._lines))
    (line,) = peer._lines
    await asyncio.sleep(0.05)
    call.cancel()
    line.data_received(_answer(b"old"))  # in the same turn of the loop
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await peer.call(b"/s/echo", b"new", 5, ()) == b"new"
    peer.close()
    server.close()


def _answer(message: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ntransfer-encoding: chunked\r\n\r\n"
    return b"%s8\r\n\0\0\0\0\3%s\r\n0\r\ngrpc-status: 0\r\n\r\n" % (head, message)


async def test_an_answer_that_nobody_asked_for_is_nobodys(tmp_path: Path) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        once = b"HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ntransfer-encoding: chunked\r\n\r\n"
        body = b"6\r\n\0\0\0\0\1%d\r\n0\r\ngrpc-status: 0\r\n\r\n"
        await reader.readuntil(b"\r\n\r\n\0\0\0\0\0")
        writer.write(once + body % 1)
        await asyncio.sleep(0.05)
        writer.write(once + body % 2)
        await reader.read()
        writer.close()

    server = await asyncio.start_unix_server(answer, tmp_path / "other")
    peer = Peer(tmp_path / "other")
    for _ in range(2):
        assert await peer.call(b"/s/echo", b"", 5, ()) == b"1"
        await until(lambda: not any(line.reusable for line in peer._idle))
    peer.close()
    server.close()


@pytest.mark.parametrize(
    ("answer", "code", "text"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", Code.INTERNAL, "an answer with HTTP status 200"),
        (b"HTTP/1.1 503 No\r\ncontent-length: 2\r\n\r\nno", Code.UNAVAILABLE, "an answer with HTTP status 503"),
        (b"SSH-2.0-x\r\n", Code.INTERNAL, "its answer cannot be read: "),
        (
            WELL % 5 + b"\1\0\0\0\0",
            Code.INTERNAL,
            "its answer cannot be read: compressed messages are not taken",
        ),
        (
            WELL % 7 + b"\0\0\0\0\3ab",
            Code.INTERNAL,
            "its answer ends within a message",
        ),
        (
            b"HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ngrpc-status: 0\r\ncontent-length: 0\r\n\r\n",
            Code.INTERNAL,
            "0 messages came where an rpc has one",
        ),
        (
            b"HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ncontent-length: 10\r\ngrpc-status: 0\r\n\r\n"
            + bytes(10),
            Code.INTERNAL,
            "2 messages came where an rpc has one",
        ),
        (
            b"HTTP/1.1 200 OK\r\ngrpc-status: 99\r\ngrpc-message: odd%\r\ncontent-length: 0\r\n\r\n",
            Code.UNKNOWN,
            "odd%",
        ),
        (
            b"HTTP/1.1 200 OK\r\ngrpc-status: x\r\ngrpc-message: odd\r\ncontent-length: 0\r\n\r\n",
            Code.UNKNOWN,
            "gRPC status 'x': odd",
        ),
        (
            b"HTTP/1.1 200 OK\r\ngrpc-status: 5\r\ngrpc-status-details-bin: ?\r\ncontent-length: 0\r\n\r\n",
            Code.UNKNOWN,
            "gRPC status '5'",
        ),
    ],
)
async def test_any_answer_is_a_status(tmp_path: Path, answer: bytes, code: Code, text: str) -> None:
    server = await answering(tmp_path / "other", answer)
    peer = Peer(tmp_path / "other")
    with pytest.raises(StatusError) as raised:
        await peer.call(b"/s/echo", b"", 5, ())
    assert (raised.value.code, raised.value.message[: len(text)]) == (code, text)
    peer.close()
    server.close()


async def answering(path: Path, answer: bytes) -> asyncio.Server:
    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(answer)
        await reader.read()
        writer.close()

    return await asyncio.start_unix_server(say, path)


async def test_a_half_answer_is_a_loss(tmp_path: Path) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ntransfer-encoding: chunked\r\n\r\n6\r\n\0\0\0"
        )
        writer.close()

    server = await asyncio.start_unix_server(hang_up, tmp_path / "other")
    with pytest.raises(LostError) as raised:
        await Peer(tmp_path / "other").call(b"/s/echo", b"", 5, ())
    assert raised.value.begun
    server.close()


# --- connecting ---


def silent(path: Path, backlog: int = 100) -> socket.socket:
    """A replica that has stopped: connections are made, and nothing is read."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen(backlog)
    return server


async def test_a_replica_that_reads_nothing_costs_the_deadline(tmp_path: Path) -> None:
    with silent(tmp_path / "silent"):
        peer = Peer(tmp_path / "silent")
        calls = [asyncio.create_task(peer.call(b"/s/echo", bytes(LONG), 0.3, ())) for _ in range(9)]
        await asyncio.sleep(0.05)
        assert peer.busy == 9
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(r) for r in results] == [TimeoutError] * 9
        assert (peer.busy, len(peer._lines), len(peer._idle)) == (0, 0, 0)


async def test_the_time_to_connect_is_the_calls_own(tmp_path: Path) -> None:
    with silent(tmp_path / "silent", 0) as server:
        peer = Peer(tmp_path / "silent")
        loop = asyncio.get_running_loop()
        first = asyncio.create_task(peer.call(b"/s/echo", b"", 0.3, ()))  # has the only place in the queue
        await asyncio.sleep(0.01)
        begin = loop.time()
        with pytest.raises(TimeoutError):
            await peer.call(b"/s/echo", b"", 0.3, ())
        assert loop.time() - begin < 0.4
        with pytest.raises(TimeoutError):
            await first
        begin = loop.time()
        late = asyncio.create_task(peer.call(b"/s/echo", b"", 0.5, ()))
        given_up = asyncio.create_task(peer.call(b"/s/echo", b"", 0.5, ()))
        await asyncio.sleep(0.3)
        given_up.cancel()
        server.setblocking(False)
        made = [server.accept()[0], (await loop.sock_accept(server))[0]]
        with pytest.raises(TimeoutError):
            await late
        assert loop.time() - begin < 0.6
        assert (peer.busy, len(peer._lines)) == (0, 0)
        for one in made:
            one.close()


async def test_connections_that_nobody_uses_are_closed(peer: Peer, node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "_IDLE_S", 0.2)
    await asyncio.gather(*(peer.call(b"/s/echo", b"x", 5, ()) for _ in range(5)))
    assert len(peer._idle) == 5
    for _ in range(5):
        await asyncio.sleep(0.1)
        await peer.call(b"/s/echo", b"x", 5, ())
    assert len(peer._lines) == 1
    server = node.server
    assert server is not None
    await until(lambda: not peer._lines and not server._open and peer._rests is None)
    assert await peer.call(b"/s/echo", b"x", 5, ()) == b"x"


# --- event loops ---


async def test_calls_from_another_loop_have_connections_of_their_own(peer: Peer) -> None:
    assert await peer.call(b"/s/echo", b"here", 5, ()) == b"here"

    async def elsewhere() -> Any:
        return [bytes(await peer.call(b"/s/echo", b"there", 5, ())) for _ in range(3)]

    assert await asyncio.to_thread(asyncio.run, elsewhere()) == [b"there"] * 3
    assert (peer.busy, len(peer._lines), len(peer._idle)) == (0, 1, 1)
    assert await peer.call(b"/s/echo", b"here", 5, ()) == b"here"


async def test_a_loop_that_has_ended_keeps_nobody_from_connections(node: Node, tmp_path: Path) -> None:
    peer = Peer(tmp_path / "s")
    assert await asyncio.to_thread(asyncio.run, peer.call(b"/s/echo", b"x", 5, ())) == b"x"
    for _ in range(2):
        assert await peer.call(b"/s/echo", b"x", 5, ()) == b"x"
    assert len(peer._idle) == len(peer._lines) == 1
    peer.close()
