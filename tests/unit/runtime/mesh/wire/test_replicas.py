"""The choice among replicas, and what they say of themselves, on real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from wire_ends import MOST, Node, until

from meshgen.codec.wireformat import Buffer
from meshgen.runtime.mesh.channel import Connection, LostError
from meshgen.runtime.mesh.wire import vitals, watched
from meshgen.runtime.mesh.wire.pool import Replicas, list_path, socket_path
from meshgen.runtime.mesh.wire.server import Server
from meshgen.runtime.mesh.wire.vitals import Vitals
from meshgen.runtime.mesh.wire.watched import Replica, connect


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vitals, "_LOOK_S", 0.02)
    monkeypatch.setattr(vitals, "AT_LEAST_EVERY_S", 0.1)
    monkeypatch.setattr(watched, "_SILENT_S", 0.5)
    monkeypatch.setattr("meshgen.runtime.mesh.wire.pool._AGAIN_S", 0.05)


class Some:
    """Replicas that listen in a folder, and a caller."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.nodes: dict[str, Node] = {}
        self.replicas = Replicas(folder, "app", connect)

    async def start(self, *names: str) -> None:
        for name in names:
            self.nodes[name] = Node(name)
            await self.nodes[name].listen(socket_path(self.folder, name))

    def list(self, *names: str) -> None:
        fresh = self.folder / "new"
        fresh.write_text("\n".join(names))
        fresh.replace(list_path(self.folder, "app"))

    async def chosen(self) -> Replica:
        replica = self.replicas.least_busy() or await self.replicas.settled(5)
        assert isinstance(replica, Replica)
        return replica

    async def busy_with_one(self, name: str) -> tuple[Replica, asyncio.Task[Buffer]]:
        """The only replica that is listed, and a call of `b"x"` under way on it."""
        replica = await self.chosen()
        begun = asyncio.create_task(replica.call(b"/s/wait", b"x", 5, ()))
        await until(lambda: self.nodes[name].running == 1)
        return replica, begun

    async def who(self) -> str:
        replica: Connection | None = self.replicas.least_busy() or await self.replicas.settled(5)
        return bytes(await replica.call(b"/s/told", b"", 5, ())).decode().split("'")[1] if replica else ""


@pytest.fixture
async def some(tmp_path: Path) -> AsyncIterator[Some]:
    made = Some(tmp_path)
    yield made
    await made.replicas.close()
    for node in made.nodes.values():
        node.close()


async def test_without_a_list_nobody_is_called(some: Some) -> None:
    assert await some.who() == ""


async def test_the_first_call_goes_straight_already(some: Some) -> None:
    await some.start("a")
    some.list("a")
    assert await some.who() == "a"


async def test_replicas_that_are_as_busy_are_called_alike(some: Some) -> None:
    await some.start("a", "b")
    some.list("a", "b")
    who = [await some.who() for _ in range(100)]
    assert who.count("a") + who.count("b") == 100
    assert 20 < who.count("a") < 80


async def test_the_least_busy_one_is_called(some: Some) -> None:
    await some.start("a", "b")
    some.list("a", "b")
    busy = await some.chosen()
    waits = [asyncio.create_task(busy.call(b"/s/wait", b"", 5, ())) for _ in range(2)]
    await until(lambda: busy.busy == busy.load == 2)
    assert len({await some.who() for _ in range(4)}) == 1
    for node in some.nodes.values():
        node.go.set()
    await asyncio.gather(*waits)


async def test_what_others_ask_for_counts(some: Some) -> None:
    await some.start("a", "b")
    some.list("a", "b")
    await some.who()
    some.nodes["a"].slots = 3
    await until(lambda: sorted(c.load for c in connections(some)) == [0, 3])
    assert {await some.who() for _ in range(8)} == {"b"}
    _, begun = (some.nodes["b"], asyncio.create_task((await some.chosen()).call(b"/s/wait", b"", 5, ())))
    await until(lambda: some.nodes["b"].running == 1)
    await asyncio.sleep(0.2)
    assert sorted(c.load for c in connections(some)) == [1, 3], "one's own calls count once"
    begun.cancel()


def connections(some: Some) -> list[Connection]:
    return [k.connection for k in some.replicas._keepers.values() if k.connection is not None]


async def test_one_that_is_taken_off_the_list_ends_what_it_has_begun(some: Some) -> None:
    await some.start("a", "b")
    some.list("a")
    replica, begun = await some.busy_with_one("a")
    some.list("b")
    assert {await some.who() for _ in range(4)} == {"b"}
    some.nodes["a"].go.set()
    assert await begun == b"x"
    server = some.nodes["a"].server
    assert server is not None
    await until(lambda: not replica._lines and not server._open)


async def test_one_that_dies_is_left_out_at_once_and_found_again(some: Some) -> None:
    await some.start("a")
    some.list("a")
    replica = await some.chosen()
    some.nodes["a"].close()
    await until(lambda: not replica.ready)
    assert await some.who() == ""
    await some.start("a")
    await until(lambda: some.replicas.least_busy() is not None)
    assert await some.who() == "a"


async def test_one_that_dies_as_it_is_taken_off_the_list_is_left_alone(some: Some) -> None:
    await some.start("a")
    for turns in range(4):
        some.list("a")
        replica = await some.chosen()
        replica.close()
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


async def test_a_replica_says_when_it_is_not_well(some: Some) -> None:
    await some.start("a")
    some.list("a")
    replica = await some.chosen()
    some.nodes["a"].well = False
    await until(lambda: not replica.ready)
    assert await some.who() == ""
    some.nodes["a"].well = True
    await until(lambda: replica.ready)
    assert await some.who() == "a"


async def test_a_replica_that_leaves_is_called_no_more_and_stays_connected_to(some: Some) -> None:
    await some.start("a")
    some.list("a")
    replica, begun = await some.busy_with_one("a")
    node = some.nodes["a"]
    node.leaves, node.well = True, False
    await until(lambda: not replica.ready)
    node.go.set()
    assert await begun == b"x"


async def test_who_does_not_speak_is_not_ready(tmp_path: Path) -> None:
    """As when its process was stopped: connections are made, and what it said last was that it is well."""
    said = asyncio.Event()

    async def once(_messages: object, _metadata: object, _seconds: object) -> AsyncIterator[bytes]:
        yield Vitals(well=True, slots=0).to_bytes()
        await said.wait()
        yield Vitals(well=True, slots=0).to_bytes()
        await asyncio.sleep(60)

    rpcs = {vitals.PATH: vitals_of(once)}
    server = Server(tmp_path / "s", rpcs, most=MOST, well=lambda: True, leaving=lambda: False)
    await server.start()
    replica = await connect(tmp_path / "s")
    watching = asyncio.create_task(replica.watch())
    assert (replica.ready, replica.load) == (True, 0)
    await until(lambda: not replica.ready)
    said.set()
    await until(lambda: replica.ready)
    replica.close()
    await watching
    assert not replica.ready
    server.close()


def vitals_of(answers: object) -> object:
    from meshgen.runtime.mesh.handler import Streaming

    return Streaming(answers)  # type: ignore[arg-type]


@pytest.mark.parametrize("answer", [b"", b"x", b"SSH-2.0-x\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"])
async def test_who_is_no_replica_is_not_connected_to(tmp_path: Path, answer: bytes) -> None:
    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(answer)
        writer.close()

    server = await asyncio.start_unix_server(say, tmp_path / "other")
    with pytest.raises(ConnectionError, match="no replica answers at"):
        await connect(tmp_path / "other")
    with pytest.raises(ConnectionError, match="no replica answers at"):
        await connect(tmp_path / "nobody")
    server.close()


async def test_who_stops_to_connect_leaves_nothing(some: Some) -> None:
    await some.start("a")
    for turns in range(6):
        connecting = asyncio.create_task(connect(socket_path(some.folder, "a")))
        for _ in range(turns):
            await asyncio.sleep(0)
        connecting.cancel()
        await asyncio.gather(connecting, return_exceptions=True)
        if not connecting.cancelled():
            connecting.result().close()
    server = some.nodes["a"].server
    assert server is not None
    await until(lambda: not server._open)


def test_vitals_keep_their_parts() -> None:
    for sent in (Vitals(well=True, slots=0), Vitals(well=False, slots=2**32 - 1)):
        assert Vitals.from_bytes(sent.to_bytes()) == sent
    for wrong in (b"", b"\1" * 8, b"\1" * 10):
        with pytest.raises(ValueError):
            Vitals.from_bytes(wrong)
