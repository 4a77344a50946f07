"""Streams through a real Envoy: in lock step, ended by anyone at any time, and with errors that arrive whole."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
import pytest_asyncio
from google.rpc import error_details_pb2, status_pb2

from meshgen.codec import grpc_status
from meshgen.runtime.mesh.wire.peer import Peer
from meshgen.status import Code, StatusError, Violation

pytestmark = [pytest.mark.mesh, pytest.mark.asyncio(loop_scope="module")]
pytest.importorskip("envoy")
grpc = pytest.importorskip("grpc")
from envoy_front import Front, front  # noqa: E402 - needs both
from stream_replica import (  # noqa: E402 - beside the others
    DESCRIPTORS,
    DRIVER,
    NODE,
    PATH,
    Request,
    Response,
    StreamReplica,
    mesh,
)

WEB = {"content-type": "application/grpc-web+proto", "x-grpc-web": "1"}
CLOSED_S = 0.06
"""Three times what it may take until a handler hears that its caller has gone."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def both(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Front, StreamReplica]]:
    folder = tmp_path_factory.mktemp("front")
    replica = StreamReplica(folder / "replica.sock")
    await replica.server.start()
    async with front(folder, mesh=mesh(), descriptors=DESCRIPTORS) as started:
        for workload in started.mesh.workloads:
            started.serve(workload.application, str(replica.path))
        await started.until_health(200)
        yield started, replica
    replica.server.close()


@asynccontextmanager
async def called(front: Front, rpc: str, kind: str) -> AsyncIterator[Callable[..., Any]]:
    """An rpc of the driver, as a client of gRPC calls it."""
    target, options = f"127.0.0.1:{front.port}", [("grpc.enable_http_proxy", 0)]
    async with grpc.aio.insecure_channel(target, options=options) as channel:
        make = getattr(channel, kind)
        yield make(f"/{DRIVER}/{rpc}", Request.SerializeToString, Response.FromString)


def of_client(error: Any) -> StatusError:
    """An error as a client of gRPC sees it, its details read."""
    details = dict(error.trailing_metadata())[grpc_status.TRAILER]
    assert status_pb2.Status.FromString(details).message == error.details()
    return grpc_status.decode(error.code().value[0], error.details(), details)


def assert_whole(error: StatusError) -> None:
    """As the handler has raised it."""
    assert (error.code, error.message, error.node) == (Code.NOT_FOUND, "nö such thing", "model")
    assert (error.reason, error.violations) == ("LOST", (Violation("a.b", "missing"),))


@pytest.mark.parametrize("count", [0, 1, 3])
async def test_an_error_arrives_whole_over_grpc(both: tuple[Front, StreamReplica], count: int) -> None:
    got = []
    async with called(both[0], "Watch", "unary_stream") as watch:
        with pytest.raises(grpc.aio.AioRpcError) as raised:  # noqa: PT012 - raised by the loop itself
            async for answer in watch(Request(text="fail", count=count), timeout=5):
                got.append(answer.host)
    assert got == ["0", "1", "2"][:count]
    assert_whole(of_client(raised.value))


@pytest.mark.parametrize("texts", [["fail"], ["a", "fail"]])
async def test_an_error_arrives_whole_while_the_client_may_still_send(
    both: tuple[Front, StreamReplica], texts: list[str]
) -> None:
    for rpc, kind in (("Talk", "stream_stream"), ("Gather", "stream_unary")):
        async with called(both[0], rpc, kind) as begin:
            call = begin(timeout=5)
            for text in texts:
                await call.write(Request(text=text))
                if rpc == "Talk" and text != "fail":
                    assert (await call.read()).host == text
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await (call.read() if rpc == "Talk" else call)
        assert_whole(of_client(raised.value))


@pytest.mark.parametrize("count", [0, 1, 3])
async def test_an_error_arrives_whole_over_grpc_web(both: tuple[Front, StreamReplica], count: int) -> None:
    message = Request(text="fail", count=count).SerializeToString()
    answer = await both[0].post(_frame(message), f"/{DRIVER}/Watch", **WEB)
    assert (answer.status_code, answer.headers["content-type"]) == (200, WEB["content-type"])
    frames = list(_frames(answer.content))
    assert [Response.FromString(data).host for flag, data in frames if not flag] == ["0", "1", "2"][:count]
    trailers = dict(answer.headers)
    if count:
        flag, last = frames[-1]
        assert (flag, len(frames)) == (0x80, count + 1)
        trailers = {key: value for key, _, value in (line.partition(":") for line in last.decode().splitlines())}
    details = base64.b64decode(trailers[grpc_status.TRAILER] + "===")
    assert_whole(grpc_status.decode(int(trailers["grpc-status"]), unquote(trailers["grpc-message"]), details))


async def test_answers_over_grpc_web_come_when_they_are_there(both: tuple[Front, StreamReplica]) -> None:
    front, replica = both
    content = _frame(Request(text="wait", count=1).SerializeToString())
    async with front.http.stream("POST", f"/{DRIVER}/Watch", content=content, headers=WEB) as answer:
        data = await anext(answer.aiter_raw())
        assert [Response.FromString(message).host for _, message in _frames(data)] == ["0"]
    await replica.until(running=0)


async def test_an_error_before_the_first_answer_is_one_of_rest(both: tuple[Front, StreamReplica]) -> None:
    answer = await both[0].post({"text": "fail"}, PATH)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/json")
    body = answer.json()
    assert (body["code"], body["message"]) == (5, "nö such thing")
    info, bad = body["details"]
    assert info["@type"] == f"type.googleapis.com/{error_details_pb2.ErrorInfo.DESCRIPTOR.full_name}"
    assert (info["reason"], info["metadata"]["node"]) == ("LOST", "model")
    assert [(v["field"], v["description"]) for v in bad["field_violations"]] == [("a.b", "missing")]


async def test_all_goes_well_over_rest(both: tuple[Front, StreamReplica]) -> None:
    answer = await both[0].post({"count": 3}, PATH)
    assert (answer.status_code, [each["host"] for each in answer.json()]) == (200, ["0", "1", "2"])
    answer = await both[0].post({"count": 0}, PATH)
    assert (answer.status_code, answer.json()) == (200, [])


async def test_both_sides_speak_in_turn(both: tuple[Front, StreamReplica]) -> None:
    async with called(both[0], "Talk", "stream_stream") as talk:
        call = talk(timeout=10)
        for number in range(20):
            await call.write(Request(text=str(number)))
            assert (await call.read()).host == str(number)
        await call.done_writing()
        assert (await call.read()).host == "end"
        assert await call.read() is grpc.aio.EOF
        assert await call.code() is grpc.StatusCode.OK


async def test_messages_are_heard_of_as_they_come(both: tuple[Front, StreamReplica]) -> None:
    async with called(both[0], "Gather", "stream_unary") as gather:
        call = gather(timeout=10)
        for text in "abc":
            await call.write(Request(text=text))
        await both[1].until(running=1)
        await call.done_writing()
        assert (await call).host == "a,b,c"


@pytest.mark.parametrize(
    ("rpc", "kind"), [("Watch", "unary_stream"), ("Gather", "stream_unary"), ("Talk", "stream_stream")]
)
async def test_who_goes_is_heard_of_soon(both: tuple[Front, StreamReplica], rpc: str, kind: str) -> None:
    front, replica = both
    took = []
    async with called(front, rpc, kind) as begin:
        for _ in range(10):
            if kind == "unary_stream":
                call = begin(Request(text="wait", count=1), timeout=10)
                await call.read()
            else:
                call = begin(timeout=10)
                await call.write(Request(text="wait"))
            await replica.until(running=1)
            left = time.monotonic()
            call.cancel()
            await replica.until(running=0)
            took.append(replica.left_at - left)
    assert sorted(took)[5] < CLOSED_S, took


@pytest.mark.parametrize("before", [0, 1])
async def test_a_deadline_is_told_before_and_after_the_first_answer(
    both: tuple[Front, StreamReplica], before: int
) -> None:
    front, replica = both
    async with called(front, "Watch", "unary_stream") as watch:
        for _ in range(5):
            call = watch(Request(text="wait", count=before), timeout=0.3)
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                async for _ in call:
                    pass
            assert (raised.value.code().name, raised.value.details()) == ("DEADLINE_EXCEEDED", "too late")
    assert replica.running == 0


async def test_a_deadline_ends_who_does_not_keep_it(both: tuple[Front, StreamReplica]) -> None:
    """And whose client does not, either: it is Envoy that does."""
    front, replica = both
    for count in (0, 1):
        content, begin = _frame(Request(text="stuck", count=count).SerializeToString()), time.monotonic()
        asked = front.http.post(f"/{DRIVER}/Watch", content=content, headers={**WEB, "grpc-timeout": "300m"})
        if count:
            with pytest.raises(httpx.RemoteProtocolError):
                await asked
        else:
            assert (await asked).headers["grpc-status"] == "4"
        await replica.until(running=0)
        assert 0.25 < replica.left_at - begin < 1


async def test_streams_between_nodes(both: tuple[Front, StreamReplica]) -> None:
    """Through the mesh listener, which speaks to callers as replicas do."""
    peer, answers = Peer(Path(both[0].mesh_socket)), asyncio.Queue[str]()

    async def messages() -> AsyncIterator[bytes]:
        for number in range(10):
            yield Request(text=str(number)).SerializeToString()
            assert await answers.get() == str(number)
        yield Request(text="fail").SerializeToString()

    with pytest.raises(StatusError) as raised:  # noqa: PT012 - raised by the loop itself
        async for answer in peer.stream(f"/{NODE}/Talk".encode(), messages(), 10, ()):
            answers.put_nowait(Response.FromString(bytes(answer)).host)
    assert_whole(raised.value)
    peer.close()


def _frame(message: bytes) -> bytes:
    return b"\0" + len(message).to_bytes(4, "big") + message


def _frames(data: bytes) -> Any:
    while data:
        end = 5 + int.from_bytes(data[1:5], "big")
        yield data[0], data[5:end]
        data = data[end:]
