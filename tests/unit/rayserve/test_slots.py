"""Each of Ray's private places that hosting leans on, against the installed Ray, without a cluster."""

from __future__ import annotations

import asyncio
import inspect
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import grpc
import psutil
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from meshgen.rayserve.deployment import with_version
from meshgen.rayserve.ingress import pass_through
from meshgen.rayserve.loopback import LOOPBACK_CALLBACK, bind_to_loopback
from meshgen.rayserve.slots import FailedRequestError, QueueFullError, Slots
from meshgen.runtime.mesh import health

pytest.importorskip("ray.serve")
from ray import serve
from ray.serve._private.replica import Replica, ReplicaMetricsManager
from ray.serve.config import gRPCOptions
from serves_side import ServesSide

SERVICE = "g.n.v1.NService"


def add(_servicer: object, server: Any) -> None:
    slots = Slots(server)

    async def run(data: bytes, _context: Any) -> bytes:
        async with slots.of(f"/{SERVICE}/Run", {"x-request-id": "r"}) as slot:
            slot.code, slot.failed = data.decode(), data == b"INTERNAL"
            return data

    pass_through(server, SERVICE)
    handler: Any = grpc.unary_unary_rpc_method_handler(run)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"Run": handler}),))
    health.register(server, SERVICE)


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[ServesSide, int]]:
    from ray.serve._private import default_impl, grpc_util
    from ray.serve._private import replica as replicas

    # Put back afterwards.
    monkeypatch.setattr(replicas, "add_port_to_grpc_server", replicas.add_port_to_grpc_server)
    monkeypatch.setattr(default_impl, "add_grpc_address", default_impl.add_grpc_address)
    monkeypatch.setattr(grpc_util, "gRPCGenericServer", grpc_util.gRPCGenericServer)
    monkeypatch.setattr(gRPCOptions, "grpc_servicer_func_callable", property(lambda _self: [add]))
    bind_to_loopback()
    replica = ServesSide()
    port = _free_port()
    task, running = await _start(replica, port)
    yield replica, port
    await running.stop(0)
    await task


async def _start(replica: ServesSide, port: int) -> Any:
    from ray.serve._private.grpc_util import start_grpc_server

    options = gRPCOptions(port=port, grpc_servicer_functions=["not.used"])
    return await start_grpc_server(replica.factory, options, event_loop=asyncio.get_running_loop())


def _free_port() -> int:
    import socket

    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


async def test_rpcs_go_around_serve_as_bytes_and_are_counted(server: tuple[ServesSide, int]) -> None:
    replica, port = server
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call: Any = channel.unary_unary
        assert await call(f"/{SERVICE}/Run")(b"OK") == b"OK"
        assert await call(f"/{SERVICE}/Run")(b"NOT_FOUND") == b"NOT_FOUND"
        assert await call(f"/{SERVICE}/Run")(b"INTERNAL") == b"INTERNAL"
        with pytest.raises(grpc.aio.AioRpcError) as unknown:
            await call(f"/{SERVICE}/Other")(b"")
        assert unknown.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert [r["is_error"] for r in replica.metrics.requests] == [False, False, True]
    assert [(r["status_code"], r["is_error"]) for r in replica.metrics.ingress] == [
        ("OK", False),
        ("NOT_FOUND", True),
        ("INTERNAL", True),
    ]
    assert {(r["method"], r["app_name"]) for r in replica.metrics.ingress} == {(f"/{SERVICE}/Run", "app")}
    assert replica.metrics.ongoing == 0


def slots_of(replica: ServesSide) -> Slots:
    return Slots(SimpleNamespace(service_handler_factory=replica.factory))


async def test_no_more_run_than_serve_lets_and_no_more_wait() -> None:
    replica = ServesSide(ongoing=2, queued=3)
    slots = slots_of(replica)

    async def request() -> bool:
        try:
            async with slots.of("/s/r", {}):
                await asyncio.sleep(0.02)
        except QueueFullError:
            return False
        return True

    answered = await asyncio.gather(*(request() for _ in range(9)))
    assert (sum(answered), replica.metrics.most) == (2 + 3, 2)
    assert (replica.metrics.ongoing, replica._num_queued_requests, replica._semaphore.locked()) == (0, 0, False)


async def test_a_request_that_is_cancelled_gives_its_place_back() -> None:
    replica = ServesSide(ongoing=1)
    slots = slots_of(replica)

    async def request() -> None:
        async with slots.of("/s/r", {}):
            await asyncio.sleep(60)

    runs, waits = asyncio.create_task(request()), asyncio.create_task(request())
    await asyncio.sleep(0.01)
    assert (replica.metrics.ongoing, replica._num_queued_requests) == (1, 1)
    for task in (waits, runs):
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert (replica.metrics.ongoing, replica._num_queued_requests, replica._semaphore.locked()) == (0, 0, False)
    assert [r["status_code"] for r in replica.metrics.ingress] == ["CANCELLED"]


async def test_the_access_log_is_serves_own_when_it_is_on() -> None:
    replica = ServesSide()
    replica.log_access()
    async with slots_of(replica).of("/s/r", {"x-request-id": "abc", "multiplexed_model_id": "m"}) as slot:
        assert serve.get_multiplexed_model_id() == "m"
        slot.code, slot.failed = "INTERNAL", True
    [(error, code, _latency, request)] = replica.logged
    assert isinstance(error, FailedRequestError)
    assert (code, request.request_id, request.route) == ("INTERNAL", "abc", "app")


def test_serve_still_counts_as_slots_do() -> None:
    """The lines of Serve's request path that `Slots` repeats."""
    start = inspect.getsource(Replica._start_request)
    assert start.index("_semaphore.acquire") < start.index("inc_num_ongoing") < start.index("yield")
    assert start.index("yield") < start.index("dec_num_ongoing") < start.index("_semaphore.release")
    path = inspect.getsource(Replica._direct_ingress_grpc_unary_response)
    assert path.index("_track_queued_request") < path.index("_start_request") < path.index("release_queue_slot()")
    assert "_can_accept_request" in inspect.getsource(Replica._prepare_direct_ingress_grpc_request)
    assert "get_num_ongoing_requests" in inspect.getsource(Replica._drain_ongoing_requests)
    names = inspect.signature(Replica._record_errors_and_metrics).parameters
    assert list(names) == ["self", "user_exception", "status_code", "latency_ms", "request_metadata"]
    for record in (ReplicaMetricsManager.record_request_metrics, ReplicaMetricsManager.record_ingress_request_metrics):
        assert "is_error" in inspect.signature(record).parameters


async def test_health_is_the_replicas_own(server: tuple[ServesSide, int]) -> None:
    replica, port = server
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for name in ("", SERVICE):
            response = await stub.Check(health_pb2.HealthCheckRequest(service=name))
            assert response.status == health_pb2.HealthCheckResponse.SERVING
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await stub.Check(health_pb2.HealthCheckRequest(service="other"))
        assert error.value.code() is grpc.StatusCode.NOT_FOUND
        watch = stub.Watch(health_pb2.HealthCheckRequest())
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        replica.healthy = False
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        watch.cancel()


def _listening() -> set[tuple[str, int]]:
    """Address and port of each server of this process."""
    connections = psutil.Process().net_connections("inet")
    return {(c.laddr.ip.removeprefix("::ffff:"), c.laddr.port) for c in connections if c.status == psutil.CONN_LISTEN}


async def test_the_port_is_open_on_loopback_only(server: tuple[ServesSide, int]) -> None:
    assert [ip for ip, port in _listening() if port == server[1]] == ["127.0.0.1"]


async def test_the_server_for_serves_own_handles_is_open_to_nobody(server: tuple[ServesSide, int]) -> None:
    from ray.serve._private import replica

    before = _listening()
    between = grpc.aio.server()
    port = replica.add_port_to_grpc_server(between, "[::]:0")
    await between.start()
    assert _listening() == before
    # It is what the replica opens it with, and its callers take the port for one that they need not know.
    assert 'add_port_to_grpc_server(self._server, "[::]:0")' in inspect.getsource(Replica._on_initialized)
    assert port == 0
    await between.stop(0)


async def test_a_second_server_cannot_share_the_port(server: tuple[ServesSide, int]) -> None:
    with pytest.raises(RuntimeError, match="bind"):  # what makes Serve take another one
        await _start(server[0], server[1])


def test_serve_calls_the_loopback_hook_named_in_the_environment() -> None:
    code = (
        "from ray.serve._private import default_impl, http_util\n"
        "from ray.serve.config import HTTPOptions\n"
        "before = default_impl.add_grpc_address\n"
        "http_util.configure_http_middlewares(HTTPOptions(middlewares=[]))\n"
        "assert default_impl.add_grpc_address is not before"
    )
    env = {**os.environ, "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": LOOPBACK_CALLBACK}
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120, env=env)


def test_the_replica_has_what_health_asks_for() -> None:
    assert inspect.iscoroutinefunction(Replica._dataplane_health_check)
    names = list(inspect.signature(Replica._direct_ingress_service_handler_factory).parameters)
    assert names == ["self", "service_method", "streaming_type"]
    source = inspect.getsource(Replica)
    assert "_direct_ingress_service_handler_factory" in source


def test_a_version_of_our_own_is_kept() -> None:
    class App:
        pass

    deployment = with_version(serve.deployment(name="node")(App), "abc")
    assert deployment.version == "abc"
