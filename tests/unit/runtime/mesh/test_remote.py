"""Nodes and driver as replicas have them, by both ways between them; of Serve only the controller is missing.

Every node and the driver have a server each in this process, and one handler in front of them passes a call on by its
service's name, as Envoy does. The other way is straight from socket to socket.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from serves_side import ServesSide

from meshgen import limits, service
from meshgen.codec import grpc_status
from meshgen.codec.lazy import plain
from meshgen.codec.rpc import Contracts, RpcCodec
from meshgen.compiler import compile_graph
from meshgen.contract import names
from meshgen.frontend import load_graph
from meshgen.graph.model import Graph
from meshgen.graph.policy import Policy
from meshgen.runtime.call.transport import ELSEWHERE, CallInfo
from meshgen.runtime.mesh import remote, replica, server
from meshgen.runtime.mesh.wire import frames, pool
from meshgen.status import Code, StatusError

pytest.importorskip("ray.serve")
from ray.serve._private import grpc_util
from ray.serve.config import gRPCOptions
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
    def __init__(self, graph: Graph, descriptors: bytes, channel: grpc.aio.Channel, served: dict[str, Served]) -> None:
        self.graph = graph
        self.contracts = Contracts(descriptors)
        self.channel = channel
        self.served = served
        self.may_detour = False

    def codec(self, rpc: str) -> RpcCodec:
        route = next(r for r in self.graph.routes if r.rpc == rpc)
        request = self.graph.request(route)
        return self.contracts.codec("hosted.v1.HostedService", rpc, request.params, request.record, route.result)

    async def raw(self, path: str, data: bytes, limit: float | None = None, metadata: Any = ()) -> bytes:
        call: Any = self.channel.unary_unary
        try:
            answer: bytes = await call(path)(data, timeout=limit, metadata=metadata)
        except grpc.aio.AioRpcError as e:
            raise grpc_status.of_call(e) from None
        return answer

    async def call(self, rpc: str, text: str, limit: float | None = None, metadata: Any = ()) -> Any:
        codec = self.codec(rpc)
        data = codec.encode_request(self.graph.routes[0].input.record.python(text))  # type: ignore[union-attr]
        return codec.decode_response(await self.raw(f"/hosted.v1.HostedService/{rpc}", data, limit, metadata))


@pytest.fixture(params=["direct", "envoy"])
async def mesh(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Mesh]:
    straight = request.param == "direct"
    if straight:
        monkeypatch.setenv(pool.FOLDER, str(tmp_path))
    monkeypatch.setattr(gRPCOptions, "grpc_servicer_func_callable", property(lambda _self: [server.add]))
    monkeypatch.setattr(replica, "PUBLISHED", ())
    graph = load_graph(FILE).graph
    descriptors = compile_graph(load_graph(FILE), lock=None).plan.contract.descriptors.SerializeToString()
    proxy = Proxy()
    front = grpc.aio.server(handlers=(proxy,))
    monkeypatch.setenv(remote.MESH_ADDRESS, f"127.0.0.1:{front.add_insecure_port('127.0.0.1:0')}")
    await front.start()
    served: dict[str, Served] = {}
    servers: list[Any] = []
    for node in ("leaf", "boss", None):
        made = await new_replica(lambda _: graph, FILE, node, service._contracts(descriptors, graph, node))
        one = served[node or "driver"] = Served(made, node or "driver")
        listening = grpc_util.gRPCGenericServer(one.factory)
        port = listening.add_insecure_port("127.0.0.1:0")
        server.add(None, listening)
        await listening.start()
        servers.append(listening)
        for each in replica.PUBLISHED:
            proxy.channels[each.service] = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
        pool.list_path(tmp_path, names.application("hosted", node)).write_text(node or "driver")
    yield (whole := Mesh(graph, descriptors, proxy.channels["hosted.v1.HostedService"], served))
    assert not (straight and proxy.passed) or whole.may_detour, "calls went the other way"
    for one in served.values():
        if (calls := one.replica._transport._remote) is not None:
            await calls.close()
    for channel in proxy.channels.values():
        await channel.close(None)
    for each in (*servers, front):
        await each.stop(0)


class Proxy(grpc.GenericRpcHandler):  # type: ignore[type-arg]
    def __init__(self) -> None:
        self.channels: dict[str, grpc.aio.Channel] = {}
        self.passed = 0

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        path = handler_call_details.method

        async def forward(data: bytes, context: Any) -> bytes:
            self.passed += 1
            call: Any = self.channels[path.split("/")[1]].unary_unary
            metadata = [(k, v) for k, v in context.invocation_metadata() if k != "user-agent"]
            try:
                answer: bytes = await call(path)(data, timeout=context.time_remaining(), metadata=metadata)
            except grpc.aio.AioRpcError as e:
                await context.abort(e.code(), e.details(), tuple(e.trailing_metadata() or ()))
                raise AssertionError from None
            return answer

        return grpc.unary_unary_rpc_method_handler(forward)


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
    assert (await mesh.call("Seen", "application", 3, metadata)).who == ""


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
    stub = health_pb2_grpc.HealthStub(mesh.channel)
    request = health_pb2.HealthCheckRequest(service="hosted.v1.HostedService")
    assert (await stub.Check(request)).status == health_pb2.HealthCheckResponse.SERVING
    mesh.served["driver"].healthy = False
    assert (await stub.Check(request)).status == health_pb2.HealthCheckResponse.NOT_SERVING


async def test_a_mesh_that_is_away_is_unavailable_at_once(mesh: Mesh) -> None:
    transport = remote.RemoteTransport("hosted", mesh.contracts, "127.0.0.1:9")
    leaf = mesh.graph.node("leaf")
    method = leaf.method("forward")
    assert method is not None
    start = time.monotonic()
    with pytest.raises(StatusError) as error:
        await transport.call(CallInfo.outside(leaf, method), {"text": "x"})
    assert (error.value.code, error.value.node) == (Code.UNAVAILABLE, "leaf")
    assert "node 'leaf' cannot be reached" in error.value.message
    assert time.monotonic() - start < 3
    await transport.close()


async def test_a_mesh_that_is_busy_is_waited_for(mesh: Mesh, monkeypatch: pytest.MonkeyPatch) -> None:
    host_, _, port = os.environ[remote.MESH_ADDRESS].rpartition(":")

    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.6)
        there, back = await asyncio.open_connection(host_, int(port))
        await asyncio.gather(pass_on(reader, back), pass_on(there, writer))

    async def pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            sink.write(data)
        sink.close()

    async with await asyncio.start_server(late, "127.0.0.1", 0) as server:
        monkeypatch.setenv(remote.MESH_ADDRESS, f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
        assert await mesh.call("Forward", "hi") == "7:hi"
        server.close()


async def test_an_error_whose_text_is_none_gets_out(mesh: Mesh) -> None:
    error = await failure(mesh, "Fail", "number", limit=5)
    assert (error.code, error.message, error.node) == (Code.NOT_FOUND, "404", "leaf")


async def test_a_loop_of_a_nodes_own_cannot_call_and_hears_so_at_once(mesh: Mesh) -> None:
    assert await mesh.call("Ask", "x") == "boss of 7:x"
    begin = time.monotonic()
    mesh.may_detour = True
    error = await failure(mesh, "AskInALoop", "x", limit=5)
    assert (error.code, error.node) == (Code.INTERNAL, "boss")
    assert time.monotonic() - begin < 2


class Straight:
    """A transport with its own folder, whose one replica of the leaf does as it is told."""

    def __init__(self, mesh: Mesh, folder: Path, address: str) -> None:
        self.folder = folder
        self.leaf = mesh.graph.node("leaf")
        self.transport = remote.RemoteTransport("hosted", mesh.contracts, address, folder)
        pool.list_path(folder, names.application("hosted", "leaf")).write_text("one")

    async def listen(self, seconds: float) -> asyncio.Server:
        """Each connection ends some time after a request has come."""

        async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            # A probe, and a request of which this is the head.
            await reader.readexactly(2 * frames._HEAD.size)
            await asyncio.sleep(seconds)
            writer.close()

        return await asyncio.start_unix_server(hang_up, pool.socket_path(self.folder, "one"))

    async def call(self, *, idempotent: bool = True, timeout_s: float = 5) -> Any:
        policy = Policy(idempotent=idempotent, timeout_s=timeout_s)
        method = self.leaf.method("forward")
        assert method is not None
        return plain(await self.transport.call(CallInfo(self.leaf, method, policy, ELSEWHERE), {"text": "x"}))


@pytest.mark.parametrize("mesh", ["envoy"], indirect=True)
async def test_a_call_whose_replica_is_lost_is_tried_through_envoy(mesh: Mesh, tmp_path: Path) -> None:
    straight = Straight(mesh, tmp_path, os.environ[remote.MESH_ADDRESS])
    async with await straight.listen(0.05):
        assert await straight.call() == "7:x"
    await straight.transport.close()


@pytest.mark.parametrize("mesh", ["envoy"], indirect=True)
async def test_a_call_that_must_not_run_twice_is_not_tried_again(mesh: Mesh, tmp_path: Path) -> None:
    straight = Straight(mesh, tmp_path, os.environ[remote.MESH_ADDRESS])
    async with await straight.listen(0.05):
        with pytest.raises(StatusError) as raised:
            await straight.call(idempotent=False)
    error = raised.value
    assert (error.code, error.node) == (Code.UNAVAILABLE, "leaf")
    assert error.message.startswith("node 'leaf' hung up while it worked on the call; it was not tried again")
    await straight.transport.close()


@pytest.mark.parametrize("mesh", ["envoy"], indirect=True)
async def test_a_second_try_does_not_get_more_time(mesh: Mesh, tmp_path: Path) -> None:
    begin = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        straight = Straight(mesh, tmp_path, f"127.0.0.1:{silent.getsockname()[1]}")
        async with await straight.listen(0.5):
            with pytest.raises(StatusError) as raised:
                await straight.call(timeout_s=0.8)
        await straight.transport.close()
    assert raised.value.message == "node 'leaf' did not answer within 0.8 s"
    assert 0.7 < time.monotonic() - begin < 2
