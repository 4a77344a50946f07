"""Each of Ray's private places that hosting leans on, against the installed Ray, without a cluster."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import grpc
import psutil
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from meshgen.runtime import health, serve_private

pytest.importorskip("ray.serve")
from ray.serve.config import gRPCOptions

SERVICE = "g.n.v1.NService"


def handler_of(rpc: str, inner: serve_private.Handler) -> serve_private.Handler:
    async def handle(data: bytes, context: Any) -> bytes:
        answer = await inner(data, context)
        if data == b"bad":
            context.set_code(grpc.StatusCode.NOT_FOUND)
            context.set_trailing_metadata((*(context.trailing_metadata() or ()), ("x-bin", b"details")))
        return rpc.encode() + b":" + answer

    return handle


def add(_servicer: object, server: Any) -> None:
    serve_private.register(server, SERVICE, ["Run", "Stop"], handler_of)
    health.register(server, SERVICE)


class ServesSide:
    """The two methods of Serve's replica that its gRPC server and our health service call, with a switch."""

    def __init__(self) -> None:
        self.answer = (True, "fine")

    async def _dataplane_health_check(self) -> tuple[bool, str]:
        return self.answer

    def factory(self, service_method: str, streaming_type: Any) -> Any:
        async def handler(request: Any, _context: Any) -> bytes:
            return serve_private.Raw(b"serve(" + request + b")").SerializeToString()

        return handler


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[ServesSide, int]]:
    from ray.serve._private import default_impl, grpc_util

    # Put back afterwards.
    monkeypatch.setattr(default_impl, "add_grpc_address", default_impl.add_grpc_address)
    monkeypatch.setattr(grpc_util, "gRPCGenericServer", grpc_util.gRPCGenericServer)
    monkeypatch.setattr(gRPCOptions, "grpc_servicer_func_callable", property(lambda _self: [add]))
    serve_private.bind_to_loopback()
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


async def test_rpcs_go_through_serve_and_our_wrapper_as_bytes(server: tuple[ServesSide, int]) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server[1]}") as channel:
        call: Any = channel.unary_unary
        assert await call(f"/{SERVICE}/Run")(b"\xff\x00") == b"Run:serve(\xff\x00)"
        assert await call(f"/{SERVICE}/Stop")(b"") == b"Stop:serve()"
        with pytest.raises(grpc.aio.AioRpcError) as unknown:
            await call(f"/{SERVICE}/Other")(b"")
        assert unknown.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_status_and_trailers_set_after_serve_reach_the_client(server: tuple[ServesSide, int]) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server[1]}") as channel:
        call: Any = channel.unary_unary
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await call(f"/{SERVICE}/Run")(b"bad")
        assert error.value.code() is grpc.StatusCode.NOT_FOUND
        trailers: Any = error.value.trailing_metadata()
        assert dict(trailers)["x-bin"] == b"details"


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
        replica.answer = (False, "DRAINING")
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        watch.cancel()


async def test_the_port_is_open_on_loopback_only(server: tuple[ServesSide, int]) -> None:
    listening = [
        c.laddr.ip
        for c in psutil.Process().net_connections("inet")
        if c.status == psutil.CONN_LISTEN and c.laddr.port == server[1]
    ]
    assert listening
    assert all(ip.removeprefix("::ffff:") == "127.0.0.1" for ip in listening)


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
    env = {**os.environ, "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": serve_private.LOOPBACK_CALLBACK}
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120, env=env)


def test_the_replica_has_what_health_asks_for() -> None:
    from ray.serve._private.replica import Replica

    assert inspect.iscoroutinefunction(Replica._dataplane_health_check)
    names = list(inspect.signature(Replica._direct_ingress_service_handler_factory).parameters)
    assert names == ["self", "service_method", "streaming_type"]
    source = inspect.getsource(Replica)
    assert "_direct_ingress_service_handler_factory" in source


def test_a_version_of_our_own_is_kept() -> None:
    from ray import serve

    class App:
        pass

    deployment = serve_private.with_version(serve.deployment(name="node")(App), "abc")
    assert deployment.version == "abc"


def test_a_reported_failure_is_not_logged_again(caplog: pytest.LogCaptureFixture) -> None:
    from ray.serve._private.constants import SERVE_LOGGER_NAME
    from ray.serve._private.grpc_util import get_grpc_response_status

    assert SERVE_LOGGER_NAME == serve_private.LOGGER
    logger = logging.getLogger(SERVE_LOGGER_NAME)
    filters = list(logger.filters)
    serve_private.hide_failed()
    logger.propagate, before = True, logger.propagate
    try:
        for error in (serve_private.FailedRequestError("x"), KeyError("y")):
            try:
                raise error  # noqa: TRY301
            except Exception as e:
                status = get_grpc_response_status(e, None, "id")
                assert status.code is grpc.StatusCode.INTERNAL
    finally:
        logger.filters[:] = filters
        logger.propagate = before
    assert {r.exc_info[0] for r in caplog.records if r.exc_info} == {KeyError}
