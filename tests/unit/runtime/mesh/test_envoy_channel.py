"""Each of gRPC's private places that calls lean on, against the installed gRPC: both ways do the same."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from meshgen.runtime.mesh import envoy_channel
from meshgen.runtime.mesh.envoy_channel import EnvoyChannel, Send
from meshgen.status import Code, StatusError


class Service(grpc.GenericRpcHandler):  # type: ignore[type-arg]
    def __init__(self) -> None:
        self.seen: dict[str, str] = {}
        self.cancelled = 0
        self.address = ""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        async def echo(data: bytes, context: Any) -> bytes:
            self.seen = {**dict(context.invocation_metadata()), "left": str(context.time_remaining())}
            return data

        async def fail(_data: bytes, context: Any) -> bytes:
            await context.abort(grpc.StatusCode.NOT_FOUND, "not here", (("why-bin", b"\x00\x01"),))
            raise AssertionError

        async def wait(_data: bytes, _context: Any) -> bytes:
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
            return b""

        rpcs = {"Echo": echo, "Fail": fail, "Wait": wait}
        return grpc.unary_unary_rpc_method_handler(rpcs[handler_call_details.method.rpartition("/")[2]])


@pytest.fixture
async def served() -> AsyncIterator[tuple[Service, grpc.aio.Channel]]:
    service = Service()
    server = grpc.aio.server(handlers=(service,))
    service.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    channel = grpc.aio.insecure_channel(service.address)
    yield service, channel
    await channel.close(None)
    await server.stop(0)


both = pytest.mark.parametrize("way", [envoy_channel._by_public_api, envoy_channel._by_private_places])


def to(channel: grpc.aio.Channel, rpc: str, way: Any) -> Send:
    made: Send = way(channel.unary_unary(f"/s/{rpc}", None, None))
    return made


def test_the_installed_version_is_the_one_that_it_was_written_for(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str] = []
    monkeypatch.setattr(envoy_channel, "_by_private_places", lambda _: taken.append("private"))
    monkeypatch.setattr(envoy_channel, "_by_public_api", lambda _: taken.append("public"))
    channel: Any = type("Channel", (), {"unary_unary": lambda *_: None})()
    envoy_channel.sender(channel, "/s/Echo")
    monkeypatch.setattr(grpc, "__version__", "1.99.0")
    envoy_channel.sender(channel, "/s/Echo")
    assert taken == ["private", "public"]


@both
async def test_bytes_metadata_and_deadline_arrive(served: tuple[Service, grpc.aio.Channel], way: Any) -> None:
    service, channel = served
    echo = to(channel, "Echo", way)
    assert await echo(b"\x00x", 5, (("who", "me"),)) == b"\x00x"
    assert await echo(b"", 5, ()) == b""
    assert await echo(b"y" * 300_000, 5, (("who", "me"),)) == b"y" * 300_000
    assert service.seen["who"] == "me"
    assert 4 < float(service.seen["left"]) < 6


@both
async def test_an_error_has_code_words_and_trailers(served: tuple[Service, grpc.aio.Channel], way: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await to(served[1], "Fail", way)(b"", 5, ())
    assert (error.value.code(), error.value.details()) == (grpc.StatusCode.NOT_FOUND, "not here")
    assert dict(error.value.trailing_metadata())["why-bin"] == b"\x00\x01"


@both
async def test_a_deadline_ends_a_call(served: tuple[Service, grpc.aio.Channel], way: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await to(served[1], "Wait", way)(b"", 0.1, ())
    assert error.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED


@both
async def test_a_server_that_is_away_is_unavailable(way: Any) -> None:
    channel = grpc.aio.insecure_channel("127.0.0.1:9")
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await to(channel, "Echo", way)(b"", 5, ())
    assert error.value.code() == grpc.StatusCode.UNAVAILABLE
    await channel.close(None)


@both
async def test_a_cancelled_call_is_cancelled_in_its_server(served: tuple[Service, grpc.aio.Channel], way: Any) -> None:
    service, channel = served
    await to(channel, "Echo", way)(b"", 5, ())  # connected
    task = asyncio.ensure_future(to(channel, "Wait", way)(b"", 30, ()))
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for _ in range(100):
        if service.cancelled:
            break
        await asyncio.sleep(0.02)
    assert service.cancelled == 1
    assert await to(channel, "Echo", way)(b"again", 5, ()) == b"again"


@both
async def test_many_at_once(served: tuple[Service, grpc.aio.Channel], way: Any) -> None:
    echo = to(served[1], "Echo", way)
    answers = await asyncio.gather(*(echo(str(i).encode(), 10, ()) for i in range(200)))
    assert answers == [str(i).encode() for i in range(200)]


@both
async def test_a_channel_lives_as_long_as_its_calls(served: tuple[Service, grpc.aio.Channel], way: Any) -> None:
    echo = to(grpc.aio.insecure_channel(served[0].address), "Echo", way)
    gc.collect()
    assert await echo(b"x", 5, ()) == b"x"


@both
async def test_a_closed_channel_takes_no_calls(way: Any) -> None:
    channel = grpc.aio.insecure_channel("127.0.0.1:9")
    echo = to(channel, "Echo", way)
    await channel.close(None)
    with pytest.raises(grpc.aio.UsageError):
        await echo(b"", 1, ())


async def test_an_error_of_a_call_is_a_status(served: tuple[Service, grpc.aio.Channel]) -> None:
    channel = EnvoyChannel(served[0].address)
    assert await channel.call(b"/s/Echo", b"x", 5, (("who", "me"),)) == b"x"
    with pytest.raises(StatusError, match="not here") as error:
        await channel.call(b"/s/Fail", b"", 5, ())
    assert (error.value.code, error.value.node) == (Code.NOT_FOUND, "")
    with pytest.raises(StatusError) as error:
        await channel.call(b"/s/Wait", b"", 0.1, ())
    assert (error.value.code, error.value.node) == (Code.DEADLINE_EXCEEDED, "")
    await channel.close()
