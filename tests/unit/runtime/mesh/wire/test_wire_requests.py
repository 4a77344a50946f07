"""What a replica takes for a request and what not, byte for byte."""

from __future__ import annotations

import asyncio
import subprocess
import tracemalloc
from pathlib import Path

import pytest
from wire_ends import HEAD, Node, raw, request, until

from meshgen.runtime.mesh.wire.peer import Peer

pytestmark = pytest.mark.usefixtures("soon")
WHOLE = request()
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"
LAST = HEAD + b"connection: close\r\n"


def short(value: object) -> str | None:
    return repr(value[-24:])[2:-1] if isinstance(value, bytes) else None


def cut(data: bytes, size: int) -> list[bytes]:
    """Pieces of that size, a hundred, and the rest."""
    end = 100 * size
    return [*(data[i : i + size] for i in range(0, min(len(data), end), size)), data[end:]]


async def refused(path: Path, *pieces: bytes) -> bytes:
    """The answer to what is not taken, whose connection is closed by the replica at some time."""
    answer = await raw(path, *pieces, seconds=3)
    assert answer.count(b"\r\n\r\n") == 1
    assert b"connection: close" in answer
    return answer


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (WHOLE.replace(b"/1.1", b"/1.0"), 505, 13),
        (WHOLE.replace(b"/1.1", b"/2.0"), 505, 13),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, 13),
        (b"GET /\r\n\r\n", 505, 13),
        (b"SSH-2.0-OpenSSH\r\n\r\n", 400, 13),
        (b"\x16\x03\x01\x02\0\1\0\1\xfc\3\3" + bytes(99), 400, 13),
        (b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", 405, 13),
        (b"GET /s/echo HTTP/1.1\r\nhost: x\r\n\r\n", 405, 13),
        (b"HEAD /healthz HTTP/1.1\r\nhost: x\r\n\r\n", 405, 13),
        (b"CONNECT x:1 HTTP/1.1\r\nhost: x\r\n\r\n", 505, 13),
        (HEAD + b"connection: upgrade\r\nupgrade: websocket\r\ncontent-length: 7\r\n\r\n\0\0\0\0\2hi", 505, 13),
        (HEAD + b"connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AA\r\n\r\n", 505, 13),
        (b"GET /healthz HTTP/1.1\r\ncontent-length: 2\r\n\r\nhi", 400, 13),
        (WHOLE.replace(b"application/grpc", b"application/json"), 415, 13),
        (WHOLE.replace(b"application/grpc", b"application/grpc-web"), 415, 13),
        (WHOLE.replace(b"content-type: application/grpc\r\n", b""), 415, 13),
        (HEAD + b"content-encoding: gzip\r\ncontent-length: 7\r\n\r\n\0\0\0\0\2hi", 415, 12),
        (HEAD + b"transfer-encoding: gzip, chunked\r\n\r\n7\r\n\0\0\0\0\2hi\r\n0\r\n\r\n", 415, 12),
        (HEAD + b"grpc-timeout: soon\r\ncontent-length: 7\r\n\r\n\0\0\0\0\2hi", 200, 3),
        (HEAD + b"k-bin: ?\r\ncontent-length: 7\r\n\r\n\0\0\0\0\2hi", 200, 3),
        # Bodies.
        (request(b""), 200, 13),
        (HEAD + b"\r\n", 200, 13),
        (request(b"\0\0\0\0"), 200, 13),
        (request(b"\0\0\0\0\3hi"), 200, 13),
        (request(b"\1\0\0\0\2hi"), 200, 12),
        (request(b"\0\x7f\xff\xff\xffhi"), 200, 8),
        (request(b"\0\0\0\0\2hi" * 2), 200, 13),
        (HEAD + b"content-length: 2147483648\r\n\r\n\0\x7f\xff\xff\xff1234", 200, 8),
        # Too many headers, too long ones.
        (HEAD + b"".join(b"a%d: b\r\n" % i for i in range(200)) + b"\r\n", 431, 8),
        (HEAD + b"a: " + b"b" * 65_536 + b"\r\n\r\n", 431, 8),
        (HEAD + b"a: " + b"b" * 300_000, 431, 8),
        (HEAD + b"a" * 257 + b": b\r\n\r\n", 431, 8),
        (HEAD + b"a" * 300_000, 431, 8),
        (b"POST /" + b"x" * 300_000, 431, 8),
        (CHUNKED + b"7;" + b"x" * 300_000, 431, 8),
        (CHUNKED + b"".join(b"1;%s\r\n%c\r\n" % (b"x" * 1000, c) for c in b"\0\0\x40\0\0" + b"a" * 300), 431, 8),
        (CHUNKED + b"7\r\n\0\0\0\0\2hi\r\n0\r\n" + b"a: b\r\n" * 50_000, 431, 8),
        # Two readings of one request.
        (HEAD + b"content-length: 7\r\ntransfer-encoding: chunked\r\n\r\n7\r\n\0\0\0\0\2hi\r\n0\r\n\r\n", 400, 13),
        (HEAD + b"transfer-encoding: chunked\r\ncontent-length: 7\r\n\r\n7\r\n\0\0\0\0\2hi\r\n0\r\n\r\n", 400, 13),
        (HEAD + b"content-length: 7\r\ncontent-length: 7\r\n\r\n\0\0\0\0\2hi", 400, 13),
        (HEAD + b"content-length: 7\r\ncontent-length: 8\r\n\r\n\0\0\0\0\2hi", 400, 13),
        (HEAD + b"content-length: +7\r\n\r\n\0\0\0\0\2hi", 400, 13),
        (HEAD + b"content-length: 7, 7\r\n\r\n\0\0\0\0\2hi", 400, 13),
        (HEAD + b"content-length: 0x7\r\n\r\n\0\0\0\0\2hi", 400, 13),
        (HEAD + b"content-length: 99999999999999999999\r\n\r\n\0\0\0\0\2hi", 400, 13),
        (HEAD + b"content-length : 7\r\n\r\n\0\0\0\0\2hi", 400, 13),
        (HEAD + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400, 13),
        (HEAD + b"transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400, 13),
        (HEAD + b"transfer-encoding:\x0bchunked\r\n\r\n0\r\n\r\n", 400, 13),
        (HEAD + b"a: b\r\n c\r\ncontent-length: 7\r\n\r\n\0\0\0\0\2hi", 400, 13),
        (HEAD.replace(b"\r\n", b"\n") + b"content-length: 7\n\n\0\0\0\0\2hi", 400, 13),
        (HEAD + b"a: b\ncontent-length: 7\r\n\r\n\0\0\0\0\2hi", 400, 13),
        (HEAD + b"a: b\rcontent-length: 7\r\n\r\n\0\0\0\0\2hi", 400, 13),
        (HEAD + b"a: b\0\r\ncontent-length: 7\r\n\r\n\0\0\0\0\2hi", 400, 13),
        (CHUNKED + b"7\n\0\0\0\0\2hi\r\n0\r\n\r\n", 400, 13),
        (CHUNKED + b"-7\r\n\0\0\0\0\2hi\r\n0\r\n\r\n", 400, 13),
        (CHUNKED + b"0x7\r\n\0\0\0\0\2hi\r\n0\r\n\r\n", 400, 13),
        (CHUNKED + b"7\r\n\0\0\0\0\2hi!\r\n0\r\n\r\n", 400, 13),
        (CHUNKED + b"fffffffffffffffff\r\n\0\0\0\0\2hi\r\n", 400, 13),
    ],
    ids=short,
)
async def test_what_is_not_taken_is_told_why(node: Node, tmp_path: Path, data: bytes, status: int, code: int) -> None:
    for pieces in ((data,), cut(data, 7)):
        answer = await refused(tmp_path / "s", *pieces)
        assert answer.startswith(b"HTTP/1.1 %d " % status), answer
        assert b"\r\ngrpc-status: %d\r\ngrpc-message: " % code in answer
        assert b"content-length: 0\r\n" in answer
    assert b"grpc-status: 0" in await raw(tmp_path / "s", request(head=LAST))


@pytest.mark.parametrize(
    "data",
    [
        request(head=LAST),
        b"\r\n\r\n" + request(head=LAST),
        request(head=LAST.replace(b"grpc\r\n", b"grpc+proto\r\n")),
        request(head=LAST.replace(b"grpc\r\n", b"grpc; charset=x\r\n")),
        request(head=LAST.replace(b"content-type", b"Content-TYPE")),
        request(head=LAST.replace(b"host: x\r\n", b"")),
        request(head=LAST + b"upgrade: h2c\r\n"),
        request(head=LAST + b"".join(b"a%d: b\r\n" % i for i in range(190))),
        request(head=LAST + b"a: " + b"b" * 65_000 + b"\r\n"),
        LAST + b"transfer-encoding: Chunked\r\n\r\n7\r\n\0\0\0\0\2hi\r\n0\r\n\r\n",
        LAST + b"transfer-encoding: chunked\r\n\r\n007;a=b;c\r\n\0\0\0\0\2hi\r\n0\r\na: b\r\nc:\r\n\r\n",
        LAST
        + b"transfer-encoding: chunked\r\n\r\n"
        + b"".join(b"1\r\n%c\r\n" % c for c in b"\0\0\0\0\2hi")
        + b"0\r\n\r\n",
        LAST + b"transfer-encoding: chunked\r\n\r\n3\r\n\0\0\0\r\n4\r\n\0\2hi\r\n0\r\n\r\n",
    ],
    ids=short,
)
async def test_what_is_taken(node: Node, tmp_path: Path, data: bytes) -> None:
    for pieces in ((data,), cut(data, 1)):
        answer = await raw(tmp_path / "s", *pieces)
        assert answer.startswith(b"HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\nconnection: close\r\n"), answer
        assert answer.endswith(b"\r\n\r\n7\r\n\0\0\0\0\2hi\r\n0\r\ngrpc-status: 0\r\n\r\n")


async def test_a_message_that_comes_byte_for_byte(node: Node, tmp_path: Path) -> None:
    body = b"\0\0\0\x40\0" + bytes(0x4000)
    chunks = b"".join(b"1\r\n%c\r\n" % c for c in body)
    answer = await raw(tmp_path / "s", LAST + b"transfer-encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")
    assert answer.endswith(body + b"\r\n0\r\ngrpc-status: 0\r\n\r\n")


async def test_what_came_of_a_request_that_is_not_taken_is_let_go(
    node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its sender is still heard for a while, and there may be many of them."""
    monkeypatch.setattr("meshgen.runtime.mesh.wire.exchange._LINGER_S", 5.0)
    _reader, writer = await asyncio.open_unix_connection(str(tmp_path / "s"))
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    writer.write(HEAD + b"".join(b"a: " + bytes([b]) * 60_000 + b"\r\n" for b in b"abcdef"))
    server = node.server
    assert server is not None
    await until(lambda: any(e._deaf_since is not None for e in server._open))
    await until(lambda: writer.transport.get_write_buffer_size() == 0)  # which is ours
    await asyncio.sleep(0.05)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    writer.close()
    assert after - before < 100_000


async def test_a_body_is_asked_for_if_its_sender_waits(node: Node, tmp_path: Path) -> None:
    answer = await raw(
        tmp_path / "s", LAST + b"expect: 100-continue\r\ncontent-length: 7\r\n\r\n", b"\0\0\0\0\2hi", pause=0.05
    )
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


async def test_requests_that_come_one_after_the_other(node: Node, tmp_path: Path) -> None:
    answer = await raw(tmp_path / "s", WHOLE, WHOLE, request(head=LAST), pause=0.1)
    assert answer.count(b"HTTP/1.1 200 OK") == answer.count(b"grpc-status: 0") == 3


async def test_requests_that_come_together_end_the_call(node: Node, tmp_path: Path) -> None:
    waiting = request(head=HEAD.replace(b"echo", b"wait"))
    assert await raw(tmp_path / "s", waiting + WHOLE) == b""
    assert await raw(tmp_path / "s", waiting, WHOLE, pause=0.05) == b""
    await asyncio.sleep(0.05)
    assert (node.running, node.cancelled) == (0, 2)


async def test_who_says_no_more_is_let_go(node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meshgen.runtime.mesh.wire.requests._HEAD_S", 0.3)
    loop = asyncio.get_running_loop()
    for data in (b"POST /s/echo HT", HEAD, HEAD + b"grpc-timeout: 300m\r\ncontent-length: 7\r\n\r\n\0\0"):
        begin = loop.time()
        assert await raw(tmp_path / "s", data) == b""
        assert 0.2 < loop.time() - begin < 2
    assert await raw(tmp_path / "s", seconds=0.6) == b""  # as idle connections are
    server = node.server
    assert server is not None


async def test_who_never_takes_an_answer_is_let_go(node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meshgen.runtime.mesh.wire.exchange._UNTAKEN_S", 0.3)
    _reader, writer = await asyncio.open_unix_connection(str(tmp_path / "s"), limit=1024)
    writer.write(request(b"\0\0\x40\0\0" + bytes(0x400000)))
    server = node.server
    assert server is not None
    await asyncio.sleep(0.1)
    assert len(server._open) == 1
    await until(lambda: not server._open)
    writer.close()


async def test_health_is_asked_for_by_anyone(node: Node, peer: Peer, tmp_path: Path) -> None:
    ask = ("curl", "-s", "-i", "--unix-socket", str(tmp_path / "s"), "http://x/healthz", "http://x/healthz")
    answer = await asyncio.to_thread(subprocess.check_output, ask, timeout=20)
    assert answer.count(b"HTTP/1.1 200 OK\r\n") == answer.count(b"\r\n\r\nok\n") == 2
    node.well = False
    answer = await asyncio.to_thread(subprocess.check_output, ask, timeout=20)
    assert answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert answer.endswith(b"\r\n\r\nnot well\n")
    assert await peer.call(b"/s/echo", b"x", 5, ()) == b"x", "what comes is answered all the same"


async def test_a_call_by_curl(node: Node, tmp_path: Path) -> None:
    (tmp_path / "body").write_bytes(b"\0\0\0\0\2hi")
    kind = ("-H", "content-type: application/grpc", "-H", "expect: 100-continue", "--raw")
    ask = (
        "curl",
        "-s",
        *kind,
        "--unix-socket",
        str(tmp_path / "s"),
        "--data-binary",
        f"@{tmp_path}/body",
        "http://x/s/echo",
    )
    answer = await asyncio.to_thread(subprocess.check_output, ask, timeout=20)
    assert answer == b"7\r\n\0\0\0\0\2hi\r\n0\r\ngrpc-status: 0\r\n\r\n"
