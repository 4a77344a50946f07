"""Each of Ray's private places that hosting leans on, against the installed Ray, without a cluster."""

from __future__ import annotations

import asyncio
import inspect
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import grpc
import psutil
import pytest

from meshgen.rayserve.deployment import with_version
from meshgen.rayserve.ingress import Ingress
from meshgen.rayserve.loopback import LOOPBACK_CALLBACK, bind_to_loopback
from meshgen.rayserve.slots import FailedRequestError, QueueFullError, Slots

pytest.importorskip("ray.serve")
from ray import serve
from ray.serve._private.common import DeploymentID, ReplicaID
from ray.serve._private.replica import Replica, ReplicaMetricsManager
from ray.serve.config import gRPCOptions
from serves_side import ServesSide


def slots_of(replica: ServesSide) -> Slots:
    return Slots(replica.grpc_server())


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """Of a gRPC server as Serve opens it in a replica."""
    from ray.serve._private import default_impl, grpc_util
    from ray.serve._private import replica as replicas

    # Put back afterwards.
    monkeypatch.setattr(replicas, "add_port_to_grpc_server", replicas.add_port_to_grpc_server)
    monkeypatch.setattr(default_impl, "add_grpc_address", default_impl.add_grpc_address)
    monkeypatch.setattr(grpc_util, "gRPCGenericServer", grpc_util.gRPCGenericServer)
    bind_to_loopback()
    port = _free_port()
    task, running = await _start(port)
    yield port
    await running.stop(0)
    await task


async def _start(port: int) -> Any:
    from ray.serve._private.grpc_util import start_grpc_server

    options = gRPCOptions(port=port, grpc_servicer_functions=["serves_side.add_nothing"])
    factory = ServesSide().grpc_server().service_handler_factory
    return await start_grpc_server(factory, options, event_loop=asyncio.get_running_loop())


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


async def test_each_request_is_counted_with_its_status() -> None:
    replica = ServesSide()
    slots = slots_of(replica)
    for code, failed in (("OK", False), ("NOT_FOUND", False), ("INTERNAL", True)):
        async with slots.of("/g.n.v1.NService/Run", {"x-request-id": "r"}) as slot:
            assert replica.get_num_ongoing_requests() == 1
            slot.code, slot.failed = code, failed
    assert [r["is_error"] for r in replica.metrics.requests] == [False, False, True]
    assert [(r["status_code"], r["is_error"]) for r in replica.metrics.ingress] == [
        ("OK", False),
        ("NOT_FOUND", True),
        ("INTERNAL", True),
    ]
    assert {(r["method"], r["app_name"]) for r in replica.metrics.ingress} == {("/g.n.v1.NService/Run", "app")}
    assert replica.get_num_ongoing_requests() == 0


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


def _listening() -> set[tuple[str, int]]:
    """Address and port of each server of this process."""
    connections = psutil.Process().net_connections("inet")
    return {(c.laddr.ip.removeprefix("::ffff:"), c.laddr.port) for c in connections if c.status == psutil.CONN_LISTEN}


async def test_the_port_is_open_on_loopback_only(port: int) -> None:
    assert [ip for ip, other in _listening() if other == port] == ["127.0.0.1"]


async def test_the_server_for_serves_own_handles_is_open_to_nobody(port: int) -> None:
    from ray.serve._private import replica

    before = _listening()
    assert port in {other for _, other in before}
    between = grpc.aio.server()
    number = replica.add_port_to_grpc_server(between, "[::]:0")
    await between.start()
    assert _listening() == before
    # It is what the replica opens it with, and its callers take the port for one that they need not know.
    assert 'add_port_to_grpc_server(self._server, "[::]:0")' in inspect.getsource(Replica._on_initialized)
    assert number == 0
    await between.stop(0)


async def test_a_second_server_cannot_share_the_port(port: int) -> None:
    with pytest.raises(RuntimeError, match="bind"):  # what makes Serve take another one
        await _start(port)


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


def test_an_ingress_knows_its_replica() -> None:
    replica = ServesSide(name="abc")
    ingress = Ingress(replica.grpc_server())
    assert (ingress.replica_id, ingress.takes_traffic, ingress.is_draining, ingress.ongoing) == ("abc", True, False, 0)
    replica._healthy = False
    assert (ingress.takes_traffic, ingress.is_draining) == (False, False)
    replica._healthy, replica._shutting_down = True, True
    assert (ingress.takes_traffic, ingress.is_draining) == (False, True)
    replica.metrics.ongoing = 3
    replica._reserved_slots.add("token")
    assert ingress.ongoing == 4


def test_the_replica_has_what_an_ingress_asks_for() -> None:
    """The lines of Serve that `Ingress` leans on."""
    names = list(inspect.signature(Replica._direct_ingress_service_handler_factory).parameters)
    assert names == ["self", "service_method", "streaming_type"]
    start = inspect.getsource(Replica._maybe_start_direct_ingress_servers)
    assert "self._direct_ingress_service_handler_factory,\n" in start
    # What its own health is made of, and in which order draining goes: told first, then waited for.
    assert {"_shutting_down", "_healthy"} <= set(Replica._dataplane_health_check.__code__.co_names)
    assert inspect.getsource(Replica.check_health).count("self._healthy = True") == 1
    shutdown = inspect.getsource(Replica._perform_graceful_shutdown)
    assert shutdown.index("self._shutting_down = True") < shutdown.index("_drain_ongoing_requests(")
    assert "_metrics_manager.get_num_ongoing_requests()" in inspect.getsource(Replica.get_num_ongoing_requests)
    assert ReplicaID("abc", DeploymentID("node", "app")).unique_id == "abc"


def test_a_version_of_our_own_is_kept() -> None:
    class App:
        pass

    deployment = with_version(serve.deployment(name="node")(App), "abc")
    assert deployment.version == "abc"
