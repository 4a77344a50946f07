"""How a replica leaves: nobody is let in any more, what runs ends as it would."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from shared_memory import folder_in_memory, there
from wire_ends import HEAD, MOST, Node, raw, request, sent, until

from meshgen.codec.wireformat import Buffer
from meshgen.runtime.call.metadata import MetadataByKey
from meshgen.runtime.mesh.bulk import letter
from meshgen.runtime.mesh.bulk.letter import Named
from meshgen.runtime.mesh.channel import LostError
from meshgen.runtime.mesh.handler import Streaming
from meshgen.runtime.mesh.wire import exchange, vitals, watched
from meshgen.runtime.mesh.wire.peer import Peer
from meshgen.runtime.mesh.wire.server import Server


async def test_nobody_is_let_in_and_what_runs_ends(peer: Peer, node: Node, tmp_path: Path) -> None:
    idle = asyncio.create_task(peer.call(b"/s/echo", b"x", 5, ()))
    assert await idle == b"x"
    running = [asyncio.create_task(peer.call(b"/s/wait", b"x", 5, ())) for _ in range(3)]
    stream = peer.stream(b"/s/both", sent([b"a"] * 4, 0.3), 5, ())
    assert await anext(stream) == b"aa"
    await until(lambda: node.running == 3)
    node.leaves = True
    server = node.server
    assert server is not None
    await until(lambda: server.draining)
    # Who has not heard of it yet gets an answer, and need not try again.
    assert await Peer(tmp_path / "s").call(b"/s/echo", b"x", 5, ()) == b"x"
    await until(lambda: not (tmp_path / "s").exists())
    with pytest.raises(LostError) as raised:
        await Peer(tmp_path / "s").call(b"/s/echo", b"", 5, ())
    assert not raised.value.begun
    node.go.set()
    assert await asyncio.gather(*running) == [b"x"] * 3
    assert [bytes(m) async for m in stream] == [b"aa"] * 3
    await until(lambda: not server._open)


async def test_each_answer_says_that_it_is_the_last_one(node: Node, tmp_path: Path) -> None:
    held = [asyncio.create_task(raw(tmp_path / "s", b"", request(head=HEAD.replace(b"echo", rpc)), pause=0.3))
            for rpc in (b"echo", b"joined", b"fail", b"other")]  # fmt: skip
    health = asyncio.create_task(raw(tmp_path / "s", b"", b"GET /healthz HTTP/1.1\r\n\r\n", pause=0.3))
    await asyncio.sleep(0.1)
    assert node.server is not None
    node.server.drain()
    for answer in await asyncio.gather(*held, health):
        assert b"\r\nconnection: close\r\n" in answer


async def test_calls_go_on_while_replicas_leave(tmp_path: Path) -> None:
    """Not one is lost, though each runs into connections that are told to close."""
    nodes = [Node(str(i)) for i in range(4)]
    for node in nodes:
        await node.listen(tmp_path / node.name)
    peers = [Peer(tmp_path / node.name) for node in nodes]
    answered = 0
    begun: list[bool] = []

    async def call() -> None:
        nonlocal answered
        while peers:
            peer = peers[answered % len(peers)]
            try:
                await peer.call(b"/s/echo", b"x", 5, ())
            except LostError as lost:
                begun.append(lost.begun)
                await asyncio.sleep(0)
            answered += 1

    calls = [asyncio.create_task(call()) for _ in range(20)]
    for node in nodes:
        await asyncio.sleep(0.1)
        assert node.server is not None
        node.server.drain()
    await until(lambda: not any((tmp_path / node.name).exists() for node in nodes), 20)
    peers.clear()
    await asyncio.gather(*calls)
    assert answered > 100
    assert not any(begun)


async def test_a_big_last_answer_is_there_until_its_caller_has_taken_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with folder_in_memory() as (folder, path):
        for each in (exchange, watched):
            monkeypatch.setattr(each, "configured", lambda: folder)

        async def big(_data: Buffer, _metadata: MetadataByKey, _seconds: float | None) -> Named:
            named = letter.answer([b"a" * letter.LEAST], folder)
            assert named is not None
            return named

        rpcs = {"/s/big": big, vitals.PATH: Streaming(vitals.Watch(lambda: (True, 0)))}
        server = Server(tmp_path / "s", rpcs, most=MOST, well=lambda: True, leaving=lambda: False)
        await server.start()
        replica = await watched.connect(tmp_path / "s")
        server.drain()
        for _ in range(5):
            assert await replica.call(b"/s/big", b"", 5, ()) == b"a" * letter.LEAST
        replica.close()
        await until(lambda: not there(path))
        server.close()


async def test_the_end_ends_what_runs(peer: Peer, node: Node) -> None:
    running = asyncio.create_task(peer.call(b"/s/wait", b"x", 5, ()))
    await until(lambda: node.running == 1)
    node.close()
    node.close()
    with pytest.raises(LostError):
        await running
    await until(lambda: node.cancelled == 1)
