"""Calls over a Unix socket, from `Link` to `linkhost.listen`, and the choice among replicas, on real sockets."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshgen.codec import grpc_status
from meshgen.runtime.mesh.channel import Connection, LostError
from meshgen.runtime.mesh.handler import FailedError
from meshgen.runtime.mesh.wire import frames
from meshgen.runtime.mesh.wire.link import Link, connect
from meshgen.runtime.mesh.wire.linkhost import _Line, listen
from meshgen.runtime.mesh.wire.pool import Replicas, list_path, socket_path
from meshgen.status import Code, NotFound, StatusError, Violation

LONG = 300_000
"""Bytes; more than a connection's own buffer."""
PATTERN = bytes(range(251)) * 800


@pytest.fixture(params=["asyncio", "uvloop"])
def event_loop_policy(request: pytest.FixtureRequest) -> asyncio.AbstractEventLoopPolicy:
    """Ray runs replicas on uvloop where it is installed."""
    if request.param == "asyncio":
        return asyncio.DefaultEventLoopPolicy()
    policy: asyncio.AbstractEventLoopPolicy = pytest.importorskip("uvloop").EventLoopPolicy()
    return policy


# --- frames --------------------------------------------------------------------------------------------------------


class Seen(frames.Framed):
    def __init__(self) -> None:
        super().__init__()
        self.frames: list[tuple[int, int, bytes]] = []

    def frame_received(self, kind: int, number: int, payload: memoryview) -> None:
        self.frames.append((kind, number, bytes(payload)))


class Sink(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()

    def write(self, data: Any) -> None:
        self.written += data


sizes = st.one_of(st.integers(0, 40), st.integers(65_500, 65_560), st.integers(100_000, 200_000))


@given(
    sent=st.lists(st.tuples(st.integers(1, 6), st.integers(0, 2**32 - 1), sizes), max_size=6),
    chunks=st.lists(st.integers(1, 70_000), min_size=1).filter(lambda sizes: max(sizes) > 999),
)
def test_frames_are_read_as_they_were_written_however_they_are_cut(
    sent: list[tuple[int, int, int]], chunks: list[int]
) -> None:
    writer, reader, sink = Seen(), Seen(), Sink()
    writer.connection_made(sink)
    whole = [(kind, number, PATTERN[:size]) for kind, number, size in sent]
    for kind, number, payload in whole:
        writer.send(kind, number, payload[:7], payload[7:])
    data, place = bytes(sink.written), 0
    while data:
        buffer = reader.get_buffer(-1)
        part = data[: min(chunks[place % len(chunks)], len(buffer))]
        place += 1
        buffer[: len(part)] = part
        reader.buffer_updated(len(part))
        data = data[len(part) :]
    assert reader.frames == whole


texts = st.text(st.characters(min_codepoint=32, max_codepoint=126))


@given(st.floats(0, 1e6), st.binary(max_size=99), st.lists(st.tuples(texts, texts)), st.binary(max_size=99))
def test_a_request_keeps_its_parts(seconds: float, path: bytes, pairs: list[tuple[str, str]], message: bytes) -> None:
    joined: dict[str, str] = {}
    for key, value in pairs:
        joined[key] = f"{joined[key]}, {value}" if key in joined else value
    read = frames.read_request(memoryview(frames.request(seconds, path, pairs) + message))
    assert read == (seconds, path, joined, message)


@given(st.integers(0, 16), st.text(), st.binary(max_size=99))
def test_a_failure_keeps_its_parts(code: int, text: str, details: bytes) -> None:
    text = text.encode(errors="replace").decode()
    assert frames.read_failed(memoryview(frames.failed(code, text, details))) == (code, text, details)


# --- calls ---------------------------------------------------------------------------------------------------------


class Node:
    """What a replica answers, and what became of its calls."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.well = True
        self.cancelled = 0
        self.running = 0
        self.go = asyncio.Event()
        self.server: asyncio.Server | None = None

    async def listen(self, path: Path) -> None:
        rpcs = {
            "/s/Broken": self.broken,
            "/s/Cancels": self.cancels,
            "/s/Echo": self.echo,
            "/s/Fail": self.fail,
            "/s/Long": self.long,
            "/s/Told": self.told,
            "/s/Wait": self.wait,
        }
        self.server = await listen(path, rpcs, self.serving)

    async def serving(self) -> bool:
        return self.well

    async def echo(self, data: bytes, _metadata: dict[str, str], _seconds: float | None) -> bytes:
        return data

    async def wait(self, data: bytes, _metadata: dict[str, str], _seconds: float | None) -> bytes:
        self.running += 1
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1
        return data

    async def fail(self, _data: bytes, _metadata: dict[str, str], _seconds: float | None) -> bytes:
        error = NotFound("nö such thing", node="leaf", violations=[Violation("a.b", "missing")])
        raise FailedError(error.code, error.message, grpc_status.encode(error, graph="g", trace_id=""))

    async def broken(self, _data: bytes, _metadata: dict[str, str], _seconds: float | None) -> bytes:
        raise ZeroDivisionError("on purpose")

    async def cancels(self, _data: bytes, _metadata: dict[str, str], _seconds: float | None) -> bytes:
        raise asyncio.CancelledError

    async def long(self, data: bytes, _metadata: dict[str, str], _seconds: float | None) -> bytes:
        return bytes(int(data))

    async def told(self, _data: bytes, metadata: dict[str, str], seconds: float | None) -> bytes:
        return f"{self.name} {metadata} {seconds:.0f}".encode()


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    made = Node()
    await made.listen(tmp_path / "s")
    yield made
    assert made.server is not None
    made.server.close()


@pytest.fixture
async def link(node: Node, tmp_path: Path) -> AsyncIterator[Link]:
    made = await connect(tmp_path / "s")
    yield made
    made.close()


async def until(done: Callable[[], bool], seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not done():  # noqa: ASYNC110 - there is no event for what is waited for
            await asyncio.sleep(0.01)


async def test_a_call_is_told_what_its_caller_said(link: Link) -> None:
    pairs = [("traceparent", "00-a"), ("who", "me")]
    assert await link.call(b"/s/Told", b"", 7, pairs) == b" {'traceparent': '00-a', 'who': 'me'} 7"
    assert await link.call(b"/s/Told", b"", 7, ()) == b" {} 7"


@pytest.mark.parametrize("size", [0, 1, 70_000, 5_000_000])
async def test_a_message_of_any_size_comes_back(link: Link, size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    assert await link.call(b"/s/Echo", data[:size], 20, ()) == data[:size]


async def test_each_of_many_calls_gets_its_own_answer(link: Link, node: Node) -> None:
    messages = [str(i).encode() * (LONG if i % 50 == 0 else 1) for i in range(200)]
    paths = [b"/s/Wait" if i % 3 == 0 else b"/s/Echo" for i in range(200)]
    calls = [asyncio.create_task(link.call(p, m, 20, ())) for p, m in zip(paths, messages, strict=True)]
    await until(lambda: link.busy == node.running == 67)
    node.go.set()
    assert await asyncio.gather(*calls) == messages
    assert link.busy == 0


async def test_an_error_keeps_its_details(link: Link) -> None:
    with pytest.raises(StatusError) as raised:
        await link.call(b"/s/Fail", b"", 5, ())
    error = raised.value
    assert (error.code, error.message, error.node) == (Code.NOT_FOUND, "nö such thing", "leaf")
    assert error.violations == (Violation("a.b", "missing"),)


async def test_a_method_that_is_not_there_is_unimplemented(link: Link) -> None:
    with pytest.raises(StatusError) as raised:
        await link.call(b"/s/Other", b"", 5, ())
    assert raised.value.code is Code.UNIMPLEMENTED


@pytest.mark.parametrize(
    ("path", "code", "text"),
    [
        (b"/s/Broken", Code.UNKNOWN, "unexpected ZeroDivisionError: on purpose"),
        (b"/s/Cancels", Code.CANCELLED, "it was cancelled"),
    ],
)
async def test_whatever_goes_wrong_is_an_answer(link: Link, path: bytes, code: Code, text: str) -> None:
    with pytest.raises(StatusError) as raised:
        await link.call(path, b"", 5, ())
    assert (raised.value.code, raised.value.message, raised.value.node) == (code, text, "")


async def test_metadata_that_cannot_be_sent_fails_its_own_call_only(link: Link) -> None:
    waiting = asyncio.create_task(link.call(b"/s/Wait", b"", 0.2, ()))
    for value in ("a\0b", "\ud800"):
        with pytest.raises(ValueError):
            await link.call(b"/s/Told", b"", 5, [("who", value)])
    with pytest.raises(TimeoutError):
        await waiting


async def test_a_late_answer_is_not_waited_for_and_not_worked_for(link: Link, node: Node) -> None:
    with pytest.raises(TimeoutError):
        await link.call(b"/s/Wait", b"", 0.1, ())
    await until(lambda: node.cancelled == 1)
    assert await link.call(b"/s/Echo", b"next", 5, ()) == b"next"


async def test_who_gives_up_ends_the_work(link: Link, node: Node) -> None:
    calling = asyncio.create_task(link.call(b"/s/Wait", b"", 5, ()))
    await until(lambda: node.running == 1)
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    await until(lambda: node.cancelled == 1)
    assert link.busy == 0


async def test_calls_that_are_given_up_before_they_begin_leave_nothing(link: Link) -> None:
    made = [asyncio.create_task(link.call(b"/s/Wait", b"", 5, ())) for _ in range(50)]
    await asyncio.sleep(0)
    for one in made:
        one.cancel()
    await asyncio.gather(*made, return_exceptions=True)
    assert await link.call(b"/s/Echo", b"x", 5, ()) == b"x"
    await until(lambda: not [line for line in gc.get_objects() if type(line) is _Line and line._under_way])


async def test_a_connection_that_is_closing_has_begun_nothing(link: Link) -> None:
    link.close()
    with pytest.raises(LostError) as raised:
        await link.call(b"/s/Echo", b"", 5, ())
    assert not raised.value.begun


async def test_a_caller_that_vanishes_ends_its_work(link: Link, node: Node) -> None:
    calling = asyncio.create_task(link.call(b"/s/Wait", b"", 5, ()))
    await until(lambda: node.running == 1)
    link.close()
    with pytest.raises(LostError) as raised:
        await calling
    assert raised.value.begun
    await until(lambda: node.cancelled == 1)
    with pytest.raises(LostError) as raised:
        await link.call(b"/s/Echo", b"", 5, ())
    assert not raised.value.begun


async def silent(path: Path) -> tuple[socket.socket, Link]:
    """A replica that has stopped: connections are made, and nothing is read."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()
    link = await connect(path)
    return server, link


async def test_a_replica_that_reads_nothing_costs_the_deadline(tmp_path: Path) -> None:
    server, link = await silent(tmp_path / "silent")
    with server:
        results = await asyncio.gather(
            *(link.call(b"/s/Echo", bytes(LONG), 0.3, ()) for _ in range(5)), return_exceptions=True
        )
        assert [type(r) for r in results] == [TimeoutError] * 5
        # The socket is full: this one waits for room, and not for longer than its time.
        with pytest.raises(TimeoutError):
            await link.call(b"/s/Echo", b"", 0.2, ())
        link.close()


async def test_calls_that_wait_for_room_count_as_under_way(tmp_path: Path) -> None:
    server, link = await silent(tmp_path / "silent")
    with server:
        calls = [asyncio.create_task(link.call(b"/s/Echo", bytes(LONG), 0.3, ())) for _ in range(9)]
        await asyncio.sleep(0.05)
        assert link.busy == 9
        # And they wait for it one by one: not all of them write when there is some.
        assert link.transport is not None
        assert link.transport.get_write_buffer_size() < 2 * LONG
        await asyncio.gather(*calls, return_exceptions=True)
        assert link.busy == 0
        link.close()


async def test_long_answers_wait_for_each_other(node: Node, tmp_path: Path) -> None:
    reader, writer = await asyncio.open_unix_connection(str(tmp_path / "s"), limit=1024)
    size = 4_000_000
    for number in range(10):
        body = frames.request(20, b"/s/Long", ()) + str(size).encode()
        writer.write(frames._HEAD.pack(len(body), frames.REQUEST, number) + body)
    [line] = await lines()
    waits = 0
    for _ in range(10 * (size + 9) // 100_000):
        await reader.readexactly(100_000)
        assert line.transport is not None
        waits = max(waits, line.transport.get_write_buffer_size())
    assert waits < 3 * size, "more than what is being written, and one that just came"
    writer.close()
    assert node.running == 0


async def lines() -> list[_Line]:
    """The replica's ends of the connections that there are."""
    found: list[_Line] = []

    def some() -> bool:
        found[:] = [o for o in gc.get_objects() if type(o) is _Line and o.open and o._under_way]
        return bool(found)

    await until(some)
    return found


async def test_who_does_not_answer_a_probe_is_not_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meshgen.runtime.mesh.wire.link._PROBE_S", 0.05)
    server, link = await silent(tmp_path / "silent")
    watching = asyncio.create_task(link.watch())
    with server:
        assert link.ready
        await until(lambda: not link.ready)
        link.close()
        await watching


async def test_a_replica_says_when_it_is_not_well(link: Link, node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meshgen.runtime.mesh.wire.link._PROBE_S", 0.05)
    watching = asyncio.create_task(link.watch())
    node.well = False
    await until(lambda: not link.ready)
    node.well = True
    await until(lambda: link.ready)
    link.close()
    await watching


async def test_rubbish_ends_the_connection_and_nothing_else(link: Link, node: Node, tmp_path: Path) -> None:
    reader, writer = await asyncio.open_unix_connection(str(tmp_path / "s"))
    # A request whose parts are longer than itself.
    writer.write(bytes([0, 0, 0, 3, frames.REQUEST, 0, 0, 0, 1, 255, 255, 255]))
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()
    assert await link.call(b"/s/Echo", b"still", 5, ()) == b"still"
    assert node.running == 0


# --- replicas ------------------------------------------------------------------------------------------------------


class Some:
    """Replicas that listen in a folder, and a caller."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.nodes: dict[str, Node] = {}
        self.replicas = Replicas(folder, "app", connect)

    async def start(self, name: str) -> None:
        self.nodes[name] = Node(name)
        await self.nodes[name].listen(socket_path(self.folder, name))

    def list(self, *names: str) -> None:
        fresh = self.folder / "new"
        fresh.write_text("\n".join(names))
        fresh.replace(list_path(self.folder, "app"))

    async def busy_with_one(self, name: str) -> tuple[Connection, asyncio.Task[bytes]]:
        """The link to the only one that is listed, and a call of `b"x"` under way on it."""
        link = await self.replicas.settled(5)
        assert link is not None
        begun = asyncio.create_task(link.call(b"/s/Wait", b"x", 5, ()))
        await until(lambda: self.nodes[name].running == 1)
        return link, begun

    async def who(self) -> str:
        link = self.replicas.least_busy() or await self.replicas.settled(5)
        return (await link.call(b"/s/Told", b"", 5, ())).decode().split()[0] if link else ""


@pytest.fixture
async def some(tmp_path: Path) -> AsyncIterator[Some]:
    made = Some(tmp_path)
    yield made
    await made.replicas.close()
    for node in made.nodes.values():
        if node.server:
            node.server.close()


async def test_without_a_list_nobody_is_called(some: Some) -> None:
    assert await some.who() == ""


async def test_the_first_call_goes_straight_already(some: Some) -> None:
    await some.start("a")
    some.list("a")
    assert await some.who() == "a"


async def test_replicas_that_are_as_busy_are_called_alike(some: Some) -> None:
    await some.start("a")
    await some.start("b")
    some.list("a", "b")
    who = [await some.who() for _ in range(100)]
    assert who.count("a") + who.count("b") == 100
    assert 20 < who.count("a") < 80


async def test_the_least_busy_one_is_called(some: Some) -> None:
    await some.start("a")
    await some.start("b")
    some.list("a", "b")
    busy = await some.replicas.settled(5)
    assert busy is not None
    waits = [asyncio.create_task(busy.call(b"/s/Wait", b"", 5, ())) for _ in range(2)]
    await until(lambda: busy.busy == 2)
    assert len({await some.who() for _ in range(4)}) == 1
    for node in some.nodes.values():
        node.go.set()
    await asyncio.gather(*waits)


async def test_one_that_is_taken_off_the_list_ends_what_it_has_begun(some: Some) -> None:
    await some.start("a")
    await some.start("b")
    some.list("a")
    link, begun = await some.busy_with_one("a")
    some.list("b")
    assert {await some.who() for _ in range(4)} == {"b"}
    some.nodes["a"].go.set()
    assert await begun == b"x"
    await until(lambda: link.transport is None)


async def test_one_that_dies_is_left_out_at_once_and_found_again(some: Some, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meshgen.runtime.mesh.wire.pool._AGAIN_S", 0.05)
    await some.start("a")
    some.list("a")
    link = await some.replicas.settled(5)
    assert link is not None
    server = some.nodes["a"].server
    assert server is not None
    server.close()
    socket_path(some.folder, "a").unlink()
    link.close()
    await until(lambda: not link.ready)
    assert await some.who() == ""
    await some.start("a")
    await until(lambda: some.replicas.least_busy() is not None)
    assert await some.who() == "a"


async def test_one_that_dies_as_it_is_taken_off_the_list_is_left_alone(some: Some) -> None:
    await some.start("a")
    for turns in range(4):
        some.list("a")
        link = await some.replicas.settled(5)
        assert link is not None
        link.close()
        for _ in range(turns):
            await asyncio.sleep(0)
        some.list()
        assert some.replicas.least_busy() is None
        async with asyncio.timeout(2):
            await asyncio.gather(*(k.task for k in some.replicas._unlisted), return_exceptions=True)


async def test_the_end_ends_calls_to_replicas_that_were_taken_off_the_list(some: Some) -> None:
    await some.start("a")
    some.list("a")
    _, begun = await some.busy_with_one("a")
    some.list()
    assert some.replicas.least_busy() is None
    async with asyncio.timeout(2):
        await some.replicas.close()
    with pytest.raises(LostError):
        await begun


async def test_a_list_that_cannot_be_read_is_read_later(some: Some, monkeypatch: pytest.MonkeyPatch) -> None:
    await some.start("a")
    some.list("a")
    with monkeypatch.context() as broken:
        broken.setattr(Path, "read_text", _unreadable)
        assert await some.who() == ""
    assert await some.who() == "a"


def _unreadable(*_: object, **__: object) -> str:
    raise OSError("too many open files")


async def test_another_event_loop_goes_another_way(some: Some) -> None:
    await some.start("a")
    some.list("a")
    assert await some.who() == "a"

    async def elsewhere() -> object:
        return some.replicas.least_busy() or await some.replicas.settled(5)

    assert await asyncio.to_thread(asyncio.run, elsewhere()) is None


async def test_one_that_is_listed_before_it_listens_holds_nobody_up(some: Some) -> None:
    some.list("a")
    async with asyncio.timeout(0.5):
        assert await some.who() == ""
