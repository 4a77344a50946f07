"""Nodes and driver as replicas have them, by both ways between them; of Serve only the controller is missing.

Every node and the driver have a socket each in this process. A proxy passes a call on by its service's name, as Envoy
does; the other way is straight from socket to socket.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import time
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest
from grpc_on_socket import ask
from serves_side import ServesSide
from wire_ends import raw

from meshgen import limits, service
from meshgen.codec import grpc_status
from meshgen.codec.lazy import plain
from meshgen.codec.rpc import Contracts, RpcCodec
from meshgen.codec.wireformat import Buffer
from meshgen.compiler import compile_graph
from meshgen.contract import names
from meshgen.frontend import load_graph
from meshgen.graph.model import Graph
from meshgen.graph.policy import Policy
from meshgen.runtime.call.metadata import MetadataByKey
from meshgen.runtime.call.transport import ELSEWHERE, CallInfo
from meshgen.runtime.mesh import remote, replica, server
from meshgen.runtime.mesh.channel import LostError
from meshgen.runtime.mesh.handler import FailedError, Rpc, Streaming
from meshgen.runtime.mesh.wire import headers, pool, vitals
from meshgen.runtime.mesh.wire.peer import Peer
from meshgen.runtime.mesh.wire.server import Server
from meshgen.status import Code, StatusError

pytest.importorskip("ray.serve")
from replicas import new_replica

FILE = str(Path(__file__).parents[2] / "hosted.py")
TRACE = "a" * 32
TRACEPARENT = ("traceparent", f"00-{TRACE}-{'b' * 16}-01")


class Served(ServesSide):
    def __init__(self, replica: replica.Replica, name: str) -> None:
        super().__init__(name=name)
        self.replica = replica

    @property
    def failed(self) -> int:
        return sum(r["is_error"] for r in self.metrics.requests)


class Mesh:
    def __init__(self, graph: Graph, descriptors: bytes, folder: Path) -> None:
        self.graph = graph
        self.contracts = Contracts(descriptors)
        self.folder = folder
        self.served: dict[str, Served] = {}
        self.proxy = Proxy(folder / "envoy")
        self.may_detour = False
        self._servers: list[Server] = []

    async def start(self, nodes: Iterable[str | None], descriptors: bytes) -> None:
        """A replica for each node and one for the driver, and what stands for Envoy."""
        os.environ[remote.MESH_SOCKET] = str(self.proxy.path)
        os.environ[pool.FOLDER] = str(self.folder)
        for node in nodes:
            contracts = service._contracts(descriptors, self.graph, node)
            made = await new_replica(lambda _: self.graph, FILE, node, contracts)
            one = self.served[node or "driver"] = Served(made, node or "driver")
            server.add(None, one.grpc_server())
            listening, started = server._LISTENING.pop()
            await started
            self._servers.append(listening)
            for each in replica.PUBLISHED:
                self.proxy.add(each.service, each.rpcs, listening.path)
        await self.proxy.start()

    async def stop(self) -> None:
        for one in self.served.values():
            if (calls := one.replica._transport._remote) is not None:
                await calls.close()
        self.proxy.close()
        for each in self._servers:
            each.close()

    def socket(self, node: str) -> Path:
        return pool.socket_path(self.folder, node)

    def codec(self, rpc: str) -> RpcCodec:
        route = next(r for r in self.graph.routes if r.rpc == rpc)
        request = self.graph.request(route)
        return self.contracts.codec("hosted.v1.HostedService", rpc, request.params, request.record, route.result)

    async def raw(self, path: str, data: bytes, limit: float | None = None, metadata: Any = ()) -> Buffer:
        if limit is not None:
            return await self.proxy.peers[path.split("/")[1]].call(path.encode(), data, limit, metadata)
        said, answer = await ask(str(self.socket("driver")), path, data, **dict(metadata))
        if error := headers.error_of(int(said[":status"]), {k.encode(): v.encode() for k, v in said.items()}):
            raise error
        return answer

    async def call(self, rpc: str, text: str, limit: float | None = None, metadata: Any = ()) -> Any:
        codec = self.codec(rpc)
        data = codec.encode_request(self.graph.routes[0].input.record.python(text))  # type: ignore[union-attr]
        return codec.decode_response(await self.raw(f"/hosted.v1.HostedService/{rpc}", data, limit, metadata))


@pytest.fixture(params=["direct", "envoy"])
async def mesh(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Mesh]:
    straight = request.param == "direct"
    monkeypatch.setattr(replica, "PUBLISHED", ())
    for name in (remote.MESH_SOCKET, pool.FOLDER):
        monkeypatch.setenv(name, "")  # put back afterwards
    graph = load_graph(FILE).graph
    descriptors = compile_graph(load_graph(FILE), lock=None).plan.contract.descriptors.SerializeToString()
    made = Mesh(graph, descriptors, tmp_path)
    await made.start(("leaf", "boss", None), descriptors)
    if straight:
        for node in ("leaf", "boss", None):
            pool.list_path(tmp_path, names.application("hosted", node)).write_text(node or "driver")
    yield made
    assert not (straight and made.proxy.passed) or made.may_detour, "calls went the other way"
    await made.stop()


class Proxy:
    """Passes calls on by the service's name, as Envoy does."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.peers: dict[str, Peer] = {}
        self.passed = 0
        self._rpcs: dict[str, Rpc] = {}
        self._server: Server | None = None

    def add(self, service: str, rpcs: Iterable[str], path: Path) -> None:
        self.peers[service] = Peer(path)
        for rpc in rpcs:
            self._rpcs[f"/{service}/{rpc}"] = self._forward(service, f"/{service}/{rpc}".encode())

    async def start(self) -> None:
        self._server = Server(self.path, self._rpcs, most=1 << 30, well=lambda: True, leaving=lambda: False)
        await self._server.start()

    def close(self) -> None:
        for peer in self.peers.values():
            peer.close()
        if self._server is not None:
            self._server.close()

    def _forward(self, service: str, path: bytes) -> Rpc:
        async def forward(data: Buffer, metadata: MetadataByKey, seconds: float | None) -> bytes:
            self.passed += 1
            try:
                return bytes(await self.peers[service].call(path, bytes(data), seconds or 60, tuple(metadata.items())))
            except StatusError as e:
                raise FailedError(e.code, e.message, grpc_status.encode(e, graph="hosted", trace_id="")) from None
            except TimeoutError:
                raise FailedError(Code.DEADLINE_EXCEEDED, "upstream request timeout", b"") from None
            except LostError as e:
                raise FailedError(Code.UNAVAILABLE, str(e), b"") from None

        return forward


async def failure(mesh: Mesh, rpc: str, text: str, limit: float | None = None, metadata: Any = ()) -> StatusError:
    with pytest.raises(StatusError) as error:
        await mesh.call(rpc, text, limit, metadata)
    return error.value


async def test_calls_nodes_handles_and_inline_nodes(mesh: Mesh) -> None:
    assert await mesh.call("Forward", "x") == "7:x"
    assert await mesh.call("Ask", "x") == "boss of 7:x"
    assert await mesh.call("AskSync", "x") == "boss of 7:x"
    assert await mesh.call("Shout", "x") == "X shout"


async def test_metadata_route_deadline_and_trace_reach_a_node(mesh: Mesh) -> None:
    metadata = (TRACEPARENT, ("who", "me"), ("x-envoy-secret", "no"), ("application", "other"))
    seen = await mesh.call("Seen", "who", 3, metadata)
    assert (seen.graph, seen.route, seen.node, seen.who) == ("hosted", "/seen", "leaf", "me")
    assert seen.trace_id == TRACE
    assert 2 < seen.remaining < 3
    assert (await mesh.call("Seen", "x-envoy-secret", 3, metadata)).who == ""
    assert (await mesh.call("Seen", "application", 3, metadata)).who == "other", "Serve does not route by it"


async def test_without_a_deadline_the_default_holds_and_a_trace_begins(mesh: Mesh) -> None:
    first, second = await mesh.call("Seen", ""), await mesh.call("Seen", "")
    assert 50 < first.remaining < 61  # gRPC rounds up what it sends
    assert len(first.trace_id) == 32
    assert first.trace_id != second.trace_id


async def test_an_expected_status_passes_through_the_driver_unchanged(
    mesh: Mesh, caplog: pytest.LogCaptureFixture
) -> None:
    error = await failure(mesh, "Fail", "not found")
    assert (error.code, error.message, error.node) == (Code.NOT_FOUND, "no such thing", "leaf")
    assert not [r for r in caplog.records if r.levelname == "ERROR"]
    assert (await failure(mesh, "Fail", "internal")).message == "on purpose"
    assert mesh.served["leaf"].failed == 0


@pytest.mark.parametrize("text", ["wrong", "anything"])
async def test_a_bug_in_a_node_stays_in_its_log(mesh: Mesh, text: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="ray.serve")
    error = await failure(mesh, "Fail", text, metadata=(TRACEPARENT,))
    assert (error.code, error.message, error.node) == (Code.INTERNAL, "internal error in node 'leaf'", "leaf")
    assert mesh.served["leaf"].failed == 1
    assert mesh.served["driver"].failed == 0
    logged = [r.getMessage() for r in caplog.records if r.levelname == "ERROR"]
    assert len(set(logged)) == 1
    first, *further = logged[0].splitlines()
    shown = [line.removeprefix("  ") for line in further]
    assert [f"  {line}" for line in shown] == further
    assert first == f"leaf/Fail: internal error in node 'leaf' (graph 'hosted', trace {TRACE})"
    if text == "wrong":
        assert shown[0] == "result must be a str, got int 5"
    else:
        assert shown[0] == "Traceback (most recent call last):"
        assert "hosted.py" in shown[1], "the user's frame comes first"
    assert re.fullmatch(r"\s*in node 'leaf' \(.*hosted\.py:\d+:\d+\)", shown[-1])
    assert not [line for line in shown if "meshgen/" in line]


async def test_a_bug_in_an_inline_node_is_the_drivers_to_log(mesh: Mesh) -> None:
    error = await failure(mesh, "Shout", "fail")
    assert (error.code, error.node) == (Code.INTERNAL, "shout")
    assert mesh.served["driver"].failed == 1


async def test_a_request_that_does_not_fit_names_its_fields(mesh: Mesh) -> None:
    with pytest.raises(StatusError) as error:
        await mesh.raw("/hosted.v1.HostedService/Forward", b"")
    assert error.value.code is Code.INVALID_ARGUMENT
    assert [v.field for v in error.value.violations] == ["text"]


@pytest.mark.parametrize("rpc", ["Slow", "Block"])
async def test_a_node_that_is_too_slow_is_named_before_the_client_gives_up(
    mesh: Mesh, monkeypatch: pytest.MonkeyPatch, rpc: str
) -> None:
    # 20 ms per hop, otherwise: a machine that is busy with other tests can stand still for longer.
    monkeypatch.setattr("meshgen.runtime.call.deadline._RETURN_S", 0.1)
    start = time.monotonic()
    error = await failure(mesh, rpc, "1", limit=1)
    assert (error.code, error.node) == (Code.DEADLINE_EXCEEDED, "leaf")
    assert time.monotonic() - start < 3


async def test_arguments_that_are_too_large_are_not_sent(mesh: Mesh, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "inside", lambda: limits.MEBIBYTE)
    error = await failure(mesh, "Forward", "x" * 2 * limits.MEBIBYTE)
    assert error.message.startswith("the request to 'leaf' takes 2.1 MiB, over the limit of 1 MiB; ")
    assert (error.code, error.reason, error.node) == (Code.RESOURCE_EXHAUSTED, limits.TOO_LARGE, "leaf")


async def test_a_nodes_own_limit_holds(mesh: Mesh) -> None:
    start = time.monotonic()
    error = await failure(mesh, "Wait", "5")
    assert error.code is Code.DEADLINE_EXCEEDED
    assert time.monotonic() - start < 2


async def test_a_cancelled_request_is_cancelled_in_its_node(mesh: Mesh) -> None:
    leaf: Any = mesh.graph.node("leaf").target
    cancelled = leaf.slow.__globals__["CANCELLED"]
    cancelled.clear()
    task = asyncio.create_task(mesh.call("Slow", "30"))
    await asyncio.sleep(0.3)
    task.cancel()
    for _ in range(50):
        await asyncio.sleep(0.05)
        if cancelled:
            break
    assert cancelled == ["30"]


async def test_a_call_that_does_not_stop_makes_its_replica_unhealthy(
    mesh: Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica = mesh.served["leaf"].replica
    await failure(mesh, "Block", "1", limit=0.3)
    await replica.check_health()  # the client was impatient; the node is only slow
    monkeypatch.setattr("meshgen.runtime.nodes.instance.DEFAULT_TIMEOUT_S", 0.2)
    with pytest.raises(RuntimeError, match="outlived"):
        await replica.check_health()
    await asyncio.sleep(1)
    await replica.check_health()


async def test_health_follows_serve(mesh: Mesh) -> None:
    ask_health = b"GET /healthz HTTP/1.1\r\nconnection: close\r\n\r\n"
    assert (await raw(mesh.socket("driver"), ask_health)).startswith(b"HTTP/1.1 200 ")
    mesh.served["driver"]._healthy = False
    assert (await raw(mesh.socket("driver"), ask_health)).startswith(b"HTTP/1.1 503 ")


async def test_a_replica_that_serve_drains_leaves(mesh: Mesh) -> None:
    mesh.served["driver"]._shutting_down = True
    async with asyncio.timeout(2):
        while mesh.socket("driver").exists():  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.02)


async def test_requests_count_while_they_run(mesh: Mesh) -> None:
    calling = asyncio.create_task(mesh.call("Slow", "0.5"))
    async with asyncio.timeout(2):
        while mesh.served["leaf"].get_num_ongoing_requests() != 1:  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.01)
    assert await calling == "slept"
    assert mesh.served["leaf"].get_num_ongoing_requests() == 0


async def test_a_mesh_that_is_away_is_unavailable_at_once(mesh: Mesh, tmp_path: Path) -> None:
    transport = remote.RemoteTransport("hosted", mesh.contracts, tmp_path / "nobody", tmp_path / "nothing")
    leaf = mesh.graph.node("leaf")
    method = leaf.method("forward")
    assert method is not None
    start = time.monotonic()
    with pytest.raises(StatusError) as error:
        await transport.call(CallInfo.outside(leaf, method), {"text": "x"})
    assert (error.value.code, error.value.node) == (Code.UNAVAILABLE, "leaf")
    assert error.value.message == "node 'leaf' cannot be reached: there is no connection: No such file or directory"
    assert time.monotonic() - start < 3
    await transport.close()


async def test_a_mesh_that_is_busy_is_waited_for(mesh: Mesh, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.6)
        there, back = await asyncio.open_unix_connection(str(mesh.proxy.path))
        await asyncio.gather(pass_on(reader, back), pass_on(there, writer))

    async def pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            sink.write(data)
        sink.close()

    async with await asyncio.start_unix_server(late, tmp_path / "late") as listening:
        monkeypatch.setenv(remote.MESH_SOCKET, str(tmp_path / "late"))
        assert await mesh.call("Forward", "hi") == "7:hi"
        listening.close()


async def test_an_error_whose_text_is_none_gets_out(mesh: Mesh) -> None:
    error = await failure(mesh, "Fail", "number", limit=5)
    assert (error.code, error.message, error.node) == (Code.NOT_FOUND, "404", "leaf")


async def test_a_loop_of_a_nodes_own_calls_through_envoy(mesh: Mesh) -> None:
    assert await mesh.call("Ask", "x") == "boss of 7:x"
    mesh.may_detour = True
    for _ in range(2):
        assert await mesh.call("AskInALoop", "x", limit=5) == "7:x"
    assert await mesh.call("Ask", "x") == "boss of 7:x"


class Straight:
    """A transport with its own folder, whose one replica of the leaf is lost with the call that it gets."""

    def __init__(self, mesh: Mesh, folder: Path, envoy: Path) -> None:
        self.folder = folder
        self.leaf = mesh.graph.node("leaf")
        self.transport = remote.RemoteTransport("hosted", mesh.contracts, envoy, folder)
        folder.mkdir()
        pool.list_path(folder, names.application("hosted", "leaf")).write_text("one")

    async def listen(self, seconds: float) -> None:
        """All of its connections end some time after a request has come."""

        async def hang_up(_data: Buffer, _metadata: MetadataByKey, _seconds: float | None) -> bytes:
            await asyncio.sleep(seconds)
            listening.close()
            return b""

        watch = Streaming(vitals.Watch(lambda: (True, 0)))
        rpcs: dict[str, Rpc] = {vitals.PATH: watch, "/hosted.leaf.v1.LeafService/Forward": hang_up}
        path = pool.socket_path(self.folder, "one")
        listening = Server(path, rpcs, most=1 << 30, well=lambda: True, leaving=lambda: False)
        await listening.start()

    async def call(self, *, idempotent: bool = True, timeout_s: float = 5) -> Any:
        policy = Policy(idempotent=idempotent, timeout_s=timeout_s)
        method = self.leaf.method("forward")
        assert method is not None
        return plain(await self.transport.call(CallInfo(self.leaf, method, policy, ELSEWHERE), {"text": "x"}))


@pytest.mark.parametrize("mesh", ["envoy"], indirect=True)
async def test_a_call_whose_replica_is_lost_is_tried_through_envoy(mesh: Mesh, tmp_path: Path) -> None:
    straight = Straight(mesh, tmp_path / "own", mesh.proxy.path)
    await straight.listen(0.05)
    assert await straight.call() == "7:x"
    assert mesh.proxy.passed == 1
    await straight.transport.close()


@pytest.mark.parametrize("mesh", ["envoy"], indirect=True)
async def test_a_call_that_must_not_run_twice_is_not_tried_again(mesh: Mesh, tmp_path: Path) -> None:
    straight = Straight(mesh, tmp_path / "own", mesh.proxy.path)
    await straight.listen(0.05)
    with pytest.raises(StatusError) as raised:
        await straight.call(idempotent=False)
    error = raised.value
    assert (error.code, error.node) == (Code.UNAVAILABLE, "leaf")
    assert error.message.startswith("node 'leaf' hung up while it worked on the call; it was not tried again")
    await straight.transport.close()


@pytest.mark.parametrize("mesh", ["envoy"], indirect=True)
async def test_a_second_try_does_not_get_more_time(mesh: Mesh, tmp_path: Path) -> None:
    begin = time.monotonic()
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "silent"))
        silent.listen()
        straight = Straight(mesh, tmp_path / "own", tmp_path / "silent")
        await straight.listen(0.5)
        with pytest.raises(StatusError) as raised:
            await straight.call(timeout_s=0.8)
        await straight.transport.close()
    assert raised.value.message == "node 'leaf' did not answer within 0.8 s"
    assert 0.7 < time.monotonic() - begin < 2
