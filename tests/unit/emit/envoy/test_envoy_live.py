"""A real Envoy in front of replicas on sockets: what clients see when things go well, and when they do not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from google.rpc import error_details_pb2, status_pb2

from meshgen.emit.envoy import Otlp
from meshgen.limits import HTTP_STATUS_HEADER

pytestmark = [pytest.mark.mesh, pytest.mark.asyncio(loop_scope="module")]
envoy = pytest.importorskip("envoy")
grpc = pytest.importorskip("grpc")
from envoy_front import DRIVER, FORWARD, NODE, Front, error, front, replica_process  # noqa: E402 - needs both
from grpc_on_socket import ask  # noqa: E402 - beside the others
from plan_replica import MESSAGES, Replica  # noqa: E402 - beside the others


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Front, Replica]]:
    """A front with one replica behind both clusters, shared by tests that change neither."""
    folder = tmp_path_factory.mktemp("front")
    replica = Replica(str(folder / "replica.sock"))
    await replica.start()
    async with front(folder) as started:
        for cluster in (DRIVER, NODE):
            started.serve(cluster, replica.path)
        await started.until_health(200)
        yield started, replica
    replica.server.close()


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "code", "message"),
    [
        ("/sample", "{", {}, 400, 3, "Unexpected end"),
        ("/sample", {"count": "many"}, {}, 400, 3, "count"),
        ("/sample", [1], {}, 400, 3, "Root element"),
        ("/sample?x=1", {}, {}, 400, 3, "x"),
        ("/nope", {}, {}, 404, 5, "/nope"),
        ("/sample%2Fx", {}, {}, 404, 5, "/sample"),
        ("/sample.v1.SampleService/Predict", {}, {}, 404, 5, "Predict"),
        ("/sample", {"text": "missing"}, {}, 404, 5, "no such thing"),
        ("/sample", {"text": "unavailable"}, {}, 503, 14, "says the application"),
        ("/sample", {"text": "large", "count": 65}, {}, 500, 13, "exceeds"),
        ("/sample", {"text": "oversized"}, {}, 413, 8, "too large, says the application"),
        (
            "/sample",
            {"text": "x" * 14_000_000},
            {},
            413,
            8,
            "far over the limit of 4 MiB for a message; `meshgen run --max",
        ),
        # Envoy and the service both watch the clock; either may be first.
        ("/sample", {"text": "slow"}, {"grpc-timeout": "300m"}, 504, 4, ""),
    ],
)
async def test_errors_have_one_shape(
    one: tuple[Front, Replica], path: str, body: Any, headers: dict[str, str], status: int, code: int, message: str
) -> None:
    response = await one[0].post(body, path, **headers)
    assert message in error(response, status, code)


async def test_details_of_an_error_are_json(one: tuple[Front, Replica]) -> None:
    response = await one[0].post({"text": "invalid"})
    error(response, 400, 3)
    (detail,) = response.json()["details"]
    assert detail["@type"] == "type.googleapis.com/google.rpc.BadRequest"
    (violation,) = detail["field_violations"]
    assert (violation["field"], violation["description"]) == ("count", "is too small")


async def test_errors_of_envoy_say_that_they_are(one: tuple[Front, Replica]) -> None:
    answer = await one[0].post({}, "/nope")
    (info,) = answer.json()["details"]
    assert info["@type"] == "type.googleapis.com/google.rpc.ErrorInfo"
    assert (info["domain"], info["reason"]) == ("envoy", "NOT_FOUND")
    assert info["metadata"]["details"].startswith("early_grpc_json_transcode_failure")
    assert info["metadata"]["request_id"]


async def test_a_services_own_http_status_stays_inside(one: tuple[Front, Replica]) -> None:
    answer = await one[0].post({"text": "oversized"})
    assert HTTP_STATUS_HEADER not in answer.headers
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await one[0].call(one[0].port, "/sample.v1.SampleService/Predict", "oversized", 10)
    assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert HTTP_STATUS_HEADER not in dict(raised.value.trailing_metadata())


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/sample", "POST"),
        ("OPTIONS", "/sample", "POST"),
        ("POST", "/docs", "GET, HEAD"),
        ("OPTIONS", "/docs", "GET, HEAD"),
        ("DELETE", "/openapi.json", "GET, HEAD"),
    ],
)
async def test_another_method_than_a_path_takes(
    one: tuple[Front, Replica], method: str, path: str, allowed: str
) -> None:
    answer = await one[0].http.request(method, path)
    assert error(answer, 405, 12) == f"this path takes {allowed}, not {method}"
    assert answer.headers["allow"] == allowed
    error(await one[0].http.get("/"), 404, 5)


@pytest.mark.parametrize(
    "number",
    [
        *(2**63 - 1, 2**63, 2**63 + 1025, 10**19, 2**64, "1e19", "9223372036854775807.0", "1.5"),
        *(1 - 2**63, -(2**63), -(2**63) - 1, -(2**63) - 1024, -(2**63) - 1025, -(10**19), "-1e400"),
    ],
)
async def test_whole_numbers_out_of_range(one: tuple[Front, Replica], number: int | str) -> None:
    """All are refused but those that round to -2^63, which replicas refuse for that (`meshgen.codec.transcoder`)."""
    answer = await one[0].post(f'{{"count": {number}}}')
    if not isinstance(number, int) or not -(2**63) - 1024 <= number < 2**63:
        error(answer, 400, 3)
    else:
        assert answer.json()["count"] == str(max(number, -(2**63)))
    text = await one[0].post({"count": str(number)})
    fits = isinstance(number, int) and -(2**63) <= number < 2**63
    assert (text.status_code, text.json().get("count")) == ((200, str(number)) if fits else (400, None))


def details(answer: httpx.Response) -> dict[str, str]:
    """The metadata of the one detail, which says that Envoy made the error."""
    (info,) = answer.json()["details"]
    assert (info["@type"], info["domain"]) == ("type.googleapis.com/google.rpc.ErrorInfo", "envoy")
    assert all(isinstance(value, str) for value in info["metadata"].values()), info
    return dict(info["metadata"])


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", "Application/JSON ;charset=x", "application/json;"],
)
async def test_rest_takes_json(one: tuple[Front, Replica], content_type: str) -> None:
    assert (await one[0].post({}, **{"content-type": content_type})).status_code == 200


# All but the first four are what a page can send without asking, or looks like them.
@pytest.mark.parametrize(
    "content_type",
    [
        "application/jsonp", "application/problem+json", "application/xml", "*/*",
        "text/plain", "text/plain;application/json", "text/plain;charset=utf-8", "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded", "", None,
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/sample", "/sample.model.v1.ModelService/Forward"])
async def test_rest_takes_nothing_else(one: tuple[Front, Replica], path: str, content_type: str | None) -> None:
    before = one[1].calls
    headers = {} if content_type is None else {"content-type": content_type}
    answer = await one[0].http.post(path, content=b"{}", headers=headers)
    assert error(answer, 415, 3) == "the content type must be application/json"
    assert details(answer)["request_id"]
    assert one[1].calls == before


OWN = ["localhost", "LOCALHOST:99", "127.0.0.1", "127.0.0.1:8080", "[::1]", "[::1]:8080"]
OTHERS = [
    "evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example", "xlocalhost", "127.0.0.2",
    "192.168.1.1", "[::2]:80",
]  # fmt: skip


@pytest.mark.parametrize("host", OWN)
async def test_on_loopback_it_answers_to_its_own_names(one: tuple[Front, Replica], host: str) -> None:
    assert (await one[0].post({}, host=host)).status_code == 200
    assert (await one[0].http.get("/healthz", headers={"host": host})).status_code == 200


@pytest.mark.parametrize("host", OTHERS)
async def test_on_loopback_it_answers_to_no_other_name(one: tuple[Front, Replica], host: str) -> None:
    envoy_front, replica = one
    before = replica.calls
    for path in ("/sample", "/sample.model.v1.ModelService/Forward", "/nope"):
        assert "listens on loopback" in error(await envoy_front.post({}, path, host=host), 421, 7)
    for path in ("/docs", "/docs/", "/docs/assets/x", "/openapi.json", "/healthz"):
        error(await envoy_front.http.get(path, headers={"host": host}), 421, 7)
    frame, web = b"\0\0\0\0\0", {"content-type": "application/grpc-web+proto"}
    answer = await envoy_front.post(frame, "/sample.v1.SampleService/Predict", host=host, **web)
    assert answer.headers["grpc-status"] == "7"
    assert replica.calls == before


async def test_a_grpc_client_may_call_any_name_of_loopback(one: tuple[Front, Replica]) -> None:
    for authority, expected in (("localhost:1", "OK"), ("[::1]", "OK"), ("evil.example", "PERMISSION_DENIED")):
        options = [("grpc.enable_http_proxy", 0), ("grpc.default_authority", authority)]
        async with grpc.aio.insecure_channel(f"127.0.0.1:{one[0].port}", options=options) as channel:
            call = channel.unary_unary("/sample.v1.SampleService/Predict")(b"")
            assert (await call.code()).name == expected


async def test_elsewhere_it_knows_no_names_of_its_own(tmp_path: Path) -> None:
    async with replica_process(tmp_path) as (_, path), front(tmp_path, host="0.0.0.0") as envoy_front:
        for cluster in (DRIVER, NODE):
            envoy_front.serve(cluster, path)
        await envoy_front.until_health(200)
        assert (await envoy_front.post({}, host="mesh.example")).status_code == 200
        asked = await envoy_front.http.options("/sample", headers={"origin": "http://evil.example", **PREFLIGHT})
        assert "access-control-allow-origin" not in asked.headers
        # Its own page's origin, which the front cannot tell from others.
        assert (await envoy_front.post({}, host="mesh.example", origin="http://mesh.example")).status_code == 200
        error(await envoy_front.post({}, **{"content-type": "text/plain"}), 415, 3)


NEAR = ["http://localhost:3000", "https://localhost", "http://127.0.0.1:8000", "http://[::1]:8080", "http://[::1]"]
FOREIGN = [
    "http://evil.example", "null", "", "file://", "http://localhost.evil.example", "http://localhost:80.evil.example",
    "http://evil.example?http://localhost", "https://app.example.com", "http://192.168.1.1",
]  # fmt: skip
PREFLIGHT = {"access-control-request-method": "POST", "access-control-request-headers": "content-type,x-grpc-web"}
WEB = {"content-type": "application/grpc-web+proto", "x-grpc-web": "1"}
NO_PROXY = [("grpc.enable_http_proxy", 0)]
PREDICT = "/sample.v1.SampleService/Predict"


@pytest.mark.parametrize("origin", NEAR)
async def test_pages_of_this_machine_may_call(one: tuple[Front, Replica], origin: str) -> None:
    for path, body, more in (("/sample", {}, {}), (PREDICT, b"\0\0\0\0\0", WEB)):
        asked = await one[0].http.options(path, headers={"origin": origin, **PREFLIGHT})
        assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (200, origin)
        answer = await one[0].post(body, path, origin=origin, **more)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, origin)


@pytest.mark.parametrize("origin", FOREIGN)
async def test_pages_of_other_origins_may_not(one: tuple[Front, Replica], origin: str) -> None:
    envoy_front, replica = one
    before = replica.calls
    answers = [await envoy_front.post({}, origin=origin)]
    answers += [await envoy_front.http.get(p, headers={"origin": origin}) for p in ("/docs", "/openapi.json")]
    answers += [
        await envoy_front.http.options(p, headers={"origin": origin, **PREFLIGHT}) for p in ("/sample", PREDICT)
    ]
    for answer in answers:
        assert "--allow-origin" in error(answer, 403, 7)
        assert "access-control-allow-origin" not in answer.headers
    web = await envoy_front.post(b"\0\0\0\0\0", PREDICT, origin=origin, **WEB)
    assert (web.headers["grpc-status"], "access-control-allow-origin" in web.headers) == ("7", False)
    assert replica.calls == before


async def test_an_origin_that_is_let_in(tmp_path: Path) -> None:
    async with (
        replica_process(tmp_path) as (_, path),
        front(tmp_path, cors_origins=(r"https://app\.example",)) as envoy_front,
    ):
        for cluster in (DRIVER, NODE):
            envoy_front.serve(cluster, path)
        await envoy_front.until_health(200)
        assert (await envoy_front.post({}, origin="https://app.example")).status_code == 200
        error(await envoy_front.post({}, origin="https://appxexample"), 403, 7)
        error(await envoy_front.post({}, origin="https://app.example.evil"), 403, 7)


async def test_two_origins_are_foreign(one: tuple[Front, Replica]) -> None:
    headers = [("origin", "http://localhost"), ("origin", "http://evil.example"), ("content-type", "application/json")]
    error(await one[0].http.post("/sample", content=b"{}", headers=headers), 403, 7)


@pytest.mark.parametrize(
    "value",
    ["banana", "1", "S", "-1S", "1.5S", "1s", "123456789S", "1S ; x", "1 S", "0x1S", "\N{SUPERSCRIPT ONE}S"],
)
async def test_a_timeout_that_is_none(one: tuple[Front, Replica], value: str) -> None:
    encoded: Any = {"grpc-timeout": value.encode(), "content-type": b"application/json"}
    answer = await one[0].http.post("/sample", content=b"{}", headers=encoded)
    assert error(answer, 400, 3).startswith("grpc-timeout is a number")
    web = await one[0].http.post(PREDICT, content=b"\0\0\0\0\0", headers={**encoded, **WEB})
    assert web.headers["grpc-status"] == "3"


@pytest.mark.parametrize("value", ["0S", "1n", "1u", "99u", "1m", "3m", "8m", "30m"])
async def test_whoever_notices_a_deadline_says_so_in_full(one: tuple[Front, Replica], value: str) -> None:
    for _ in range(5):
        answer = await one[0].post({"text": "slow"}, **{"grpc-timeout": value})
        assert error(answer, 504, 4) == "the deadline of the request has passed"
        assert details(answer)["details"] in {"max_duration_timeout", "grpc_of_the_service"}


@pytest.mark.parametrize("value", ["!!!", "Y", "Y===", "aG kh", "____", "YQ,!", "YQ=Y"])
@pytest.mark.parametrize("path", ["/sample", "/sample.model.v1.ModelService/Forward"])
async def test_binary_metadata_that_is_not_base64(one: tuple[Front, Replica], path: str, value: str) -> None:
    envoy_front, replica = one
    calls, trace = replica.calls, "0af7651916cd43dd8448eb211c80319c"
    answer = await envoy_front.post({}, path, **{"x-bin": value, "traceparent": f"00-{trace}-b7ad6b7169203331-01"})
    assert error(answer, 400, 3) == "the header 'x-bin' is not base64"
    (info,) = answer.json()["details"]
    assert (info["reason"], info["domain"], info["metadata"]) == ("INVALID_ARGUMENT", "meshgen", {"trace_id": trace})
    error(await envoy_front.post({"text": "x" * 4_000_000}, path, **{"x-bin": value}), 400, 3)
    assert replica.calls == calls
    assert (await envoy_front.post({}, path, **{"x-bin": "aGk"})).status_code == 200


@pytest.mark.parametrize("rpc", [PREDICT, FORWARD])
async def test_binary_metadata_that_is_not_base64_over_grpc(one: tuple[Front, Replica], rpc: str) -> None:
    web = await one[0].post(b"\0\0\0\0\0", rpc, **WEB, **{"x-bin": "!"})
    assert (web.status_code, web.headers["grpc-status"]) == (200, "3")
    assert web.headers["grpc-message"] == "the header 'x-bin' is not base64"
    # Clients of gRPC write base64 by themselves.
    plain = {"content-type": "application/grpc", "te": "trailers", "x-bin": "!"}
    bad = await one[0].http.post(rpc, content=b"\0\0\0\0\0", headers=plain)
    assert (bad.status_code, bad.headers["grpc-status"]) == (200, "3")
    assert bad.headers["content-type"] == "application/grpc"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *(("", b""), ("YQ", b"a"), ("YQ==", b"a"), ("aGk", b"hi"), ("aGk=", b"hi"), ("++//", b"\xfb\xef\xff")),
        *(("YQ,aGk", (b"a", b"hi")), ("AP8= , YQ", (b"\0\xff", b"a")), ("YQ,", (b"a", b""))),
    ],
)
async def test_binary_metadata_arrives(one: tuple[Front, Replica], value: str, expected: Any) -> None:
    frame = b"\0\0\0\0\0"
    for path, body, more in (("/sample", {}, {}), (FORWARD, {}, {}), (PREDICT, frame, WEB), (FORWARD, frame, WEB)):
        assert (await one[0].post(body, path, **more, **{"x-bin": value})).status_code == 200
        assert one[1].metadata["x-bin"] == expected


@pytest.mark.parametrize(
    "values", [(b"",), (b"\0",), (b"\xff" * 4,), (bytes(range(256)) * 16,), (b"a", b"\0, \xff"), (b"", b"a", b"")]
)
@pytest.mark.parametrize("rpc", [PREDICT, FORWARD])
async def test_binary_metadata_of_a_client_of_grpc_arrives(
    one: tuple[Front, Replica], rpc: str, values: tuple[bytes, ...]
) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{one[0].port}", options=NO_PROXY) as channel:
        await channel.unary_unary(rpc)(b"", metadata=tuple(("x-bin", value) for value in values))
    assert one[1].metadata["x-bin"] == (values if len(values) > 1 else values[0])


async def test_lines_of_one_header_arrive_together(one: tuple[Front, Replica]) -> None:
    lines = [("content-type", "application/json"), ("x-bin", "YQ=="), ("x", "1"), ("x-bin", "aGk"), ("x", "2, 3")]
    assert (await one[0].http.post("/sample", content=b"{}", headers=lines)).status_code == 200
    assert (one[1].metadata["x-bin"], one[1].metadata["x"]) == ((b"a", b"hi"), "1, 2, 3")


@pytest.mark.parametrize("name", ["x^y", "+", "%a", "x~u", "!", "x|y", "`", "x'y", "x_y.z-1"])
async def test_headers_of_any_name_arrive(one: tuple[Front, Replica], name: str) -> None:
    assert (await one[0].post({}, **{name: "1"})).status_code == 200
    assert one[1].metadata[name] == "1"


async def test_what_grpc_core_would_refuse_does_not_reach_the_front_service(tmp_path: Path) -> None:
    """It would refuse headers of that name of all others, too, on the same connection."""
    seen: list[dict[str, Any]] = []

    async def check(request: bytes, context: Any) -> bytes:
        seen.append(dict(context.invocation_metadata()))
        return request

    service = "grpc.health.v1.Health"
    handlers = {"Check": grpc.unary_unary_rpc_method_handler(check)}
    async with front(tmp_path) as envoy_front:
        server = grpc.aio.server()
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
        server.add_insecure_port(f"127.0.0.1:{envoy_front.reflection_port}")
        await server.start()
        try:
            for headers in ({"x-bin": "!"}, {"x-bin": "YQ"}, {"x^y": "1"}, {"meshgen-route": "/x"}):
                answer = await envoy_front.post(b"\0\0\0\0\0", f"/{service}/Check", **WEB, **headers, kept="1")
                assert b"grpc-status:0" in answer.content, (headers, answer.headers)
        finally:
            await server.stop(0)
    assert [{k: v for k, v in each.items() if k in {"kept", "x-bin", "x^y", "meshgen-route"}} for each in seen] == [
        {"kept": "1"}
    ] * 4


async def test_headers_that_are_too_large(one: tuple[Front, Replica]) -> None:
    assert (await one[0].post({}, x="a" * 50_000)).status_code == 200
    answer = await one[0].post({}, x="a" * 70_000)
    assert error(answer, 431, 8).startswith("the headers of the request are too large")
    details(answer)


async def test_many_headers(one: tuple[Front, Replica]) -> None:
    assert (await one[0].post({}, **{f"x{i}": "a" for i in range(80)})).status_code == 200
    error(await one[0].post({}, **{f"x{i}": "a" for i in range(120)}), 431, 8)


@pytest.mark.parametrize(
    ("begin", "item"),
    [
        ('{"text": "', "a" * 65_536),
        ('{"text": "', "ä" * 32_768),
        ('{"nope": "', "a" * 65_536),
        ('{"values": [1', ",2" * 32_768),
        ('{"nope": {"a": [[1', ",2" * 32_768),
        ('{"', "x" * 65_536),
    ],
)
async def test_a_body_that_does_not_say_how_large_it_is(one: tuple[Front, Replica], begin: str, item: str) -> None:
    """It is refused once it is too large, in whatever place of it that is, and nobody gets a part of it."""
    json_type = {"content-type": "application/json"}

    async def pieces(count: int) -> AsyncIterator[bytes]:
        yield begin.encode()
        for _ in range(count):
            yield item.encode()
        yield b'"}' if begin.endswith('"') else b"]}"

    calls = one[1].calls
    answer = await one[0].http.post("/sample", content=pieces(220), headers=json_type)
    assert error(answer, 413, 8).startswith("the request is far over the limit of 4 MiB for a message")
    assert one[1].calls == calls
    if "nope" not in begin and begin != '{"':
        answer = await one[0].http.post("/sample", content=pieces(100), headers=json_type)
        assert answer.status_code == 200
        assert answer.json()["value"] == (1 + 100 * 32_768 if "values" in begin else 0)


async def test_a_body_is_required(one: tuple[Front, Replica]) -> None:
    async def no_bytes() -> AsyncIterator[bytes]:
        yield b""

    async def some_bytes() -> AsyncIterator[bytes]:
        yield b"{"
        yield b"}"

    json_type = {"content-type": "application/json"}
    for content in (b"", None, no_bytes()):
        answer = await one[0].http.post("/sample", content=content, headers=json_type)
        assert error(answer, 400, 3) == "the request has no body"
        details(answer)
    assert (await one[0].http.post("/sample", content=some_bytes(), headers=json_type)).status_code == 200
    error(await one[0].http.post("/nope", content=b"", headers=json_type), 404, 5)


@pytest.mark.parametrize(
    ("request_", "status", "code", "message"),
    [
        (b"GARBAGE\r\n\r\n", 400, 3, "the request cannot be read: http1.codec_error"),
        (b"POST /sample HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}", 400, 3, "cannot be read: missing_host_header"),
        (b"POST /sample HTTP/1.1\r\nhost: [::1]\r\ncontent-length: a\r\n\r\n", 400, 3, "the request cannot be read"),
        (b"POST /sample HTTP/1.1\r\nhost: [::1]\r\ncontent-type: application/json\r\n\r\n", 400, 3, "has no body"),
        (b"POST /sample HTTP/1.1\r\nhost: [::1]\r\na: \1\r\n\r\n", 400, 3, ""),
        (b"GET /%zz%00/../.. HTTP/1.1\r\nhost: [::1]\r\n\r\n", 400, 3, ""),
        (b"POST /sample HTTP/1.0\r\n\r\n", 426, 12, "Upgrade Required"),
        (b"POST / HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: odd\r\n\r\n", 501, 12, "Not Implemented"),
        (b"GET /docs HTTP/1.1\r\nhost: [::1]\r\nconnection: upgrade\r\nupgrade: ws\r\n\r\n", 403, 7, "no upgrades"),
        (b"CONNECT localhost:80 HTTP/1.1\r\nhost: localhost\r\n\r\n", 404, 5, ""),
    ],
)  # fmt: skip
async def test_what_is_hardly_http(
    one: tuple[Front, Replica], request_: bytes, status: int, code: int, message: str
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", one[0].port)
    writer.write(request_)
    head, _, rest = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)).partition(b"\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    (length,) = [int(line.split(b":")[1]) for line in rest.lower().split(b"\r\n") if line.startswith(b"content-length")]
    answer = httpx.Response(
        status, headers={"content-type": "application/json"}, content=await reader.readexactly(length)
    )
    assert message in error(answer, status, code)
    details(answer)
    writer.close()


async def test_answers_over_rest(one: tuple[Front, Replica]) -> None:
    envoy_front, replica = one
    answer = await envoy_front.post({"text": "hi", "count": 0, "linkID": 7, "values": [1, 2]}, application="other")
    assert answer.json() == {"value": 2, "count": "0", "linkID": "7", "host": replica.path, "items": []}
    assert replica.metadata["application"] == "other"
    answer = await envoy_front.post({"text": "remaining"})
    assert answer.json().keys() == {"value", "items"}, "unset fields are left out, empty lists are printed"
    assert 55 < answer.json()["value"] <= 60
    answer = await envoy_front.post({"text": "remaining"}, **{"grpc-timeout": "10S"})
    assert 5 < answer.json()["value"] <= 10
    answer = await envoy_front.post({"values": [1]}, "/sample.model.v1.ModelService/Forward")
    assert answer.json()["value"] == 1


async def test_large_messages_pass_over_rest(one: tuple[Front, Replica]) -> None:
    assert (await one[0].post({"text": "x" * 3_000_000})).status_code == 200
    answer = await one[0].post({"text": "large", "count": 2})
    assert len(answer.json()["items"]) == 2
    # Services measure their answers: as JSON, one of less than the limit may take more.
    assert (await one[0].post({"text": "large", "count": 5})).status_code == 200


async def test_a_caller_cannot_steer_envoy(one: tuple[Front, Replica]) -> None:
    answer = await one[0].post({"text": "busy"}, **{"x-envoy-upstream-rq-timeout-ms": "1"})
    assert answer.status_code == 200


async def test_grpc_web(one: tuple[Front, Replica]) -> None:
    message = MESSAGES["sample.v1.PredictRequest"](values=[1, 2, 3]).SerializeToString()
    frame = b"\0" + len(message).to_bytes(4, "big") + message
    answer = await one[0].post(
        frame, "/sample.v1.SampleService/Predict", **{"content-type": "application/grpc-web+proto", "x-grpc-web": "1"}
    )
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/grpc-web+proto"
    length = int.from_bytes(answer.content[1:5], "big")
    assert MESSAGES["sample.v1.PredictResponse"].FromString(answer.content[5 : 5 + length]).value == 3
    assert b"grpc-status:0" in answer.content[5 + length :]


@pytest.mark.parametrize(
    ("method", "text", "limit_s", "expected"),
    [
        ("/sample.v1.SampleService/Nope", "", 10, "UNIMPLEMENTED"),
        ("/nope.v1.NopeService/Nope", "", 10, "UNIMPLEMENTED"),
        ("/sample.v1.SampleService/Predict", "x" * 8_400_000, 10, "RESOURCE_EXHAUSTED"),
        ("/sample.v1.SampleService/Predict", "missing", 10, "NOT_FOUND"),
        ("/sample.v1.SampleService/Predict", "unavailable", 10, "UNAVAILABLE"),
        ("/sample.v1.SampleService/Predict", "slow", 0.3, "DEADLINE_EXCEEDED"),
        ("/grpc.health.v1.Health/Check", "", 10, "UNAVAILABLE"),
    ],
)
async def test_grpc_statuses(one: tuple[Front, Replica], method: str, text: str, limit_s: float, expected: str) -> None:
    envoy_front, replica = one
    before = replica.calls
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await envoy_front.call(envoy_front.port, method, text, limit_s)
    assert raised.value.code().name == expected
    assert raised.value.details()
    assert replica.calls - before <= 1, "an application's own error is not retried"


async def test_large_messages_pass_over_grpc(one: tuple[Front, Replica]) -> None:
    answer = await one[0].call(one[0].port, "/sample.v1.SampleService/Predict", "x" * 8_300_000, 10)
    assert answer.host == one[1].path


async def test_the_mesh_listener_routes_nodes_only(one: tuple[Front, Replica]) -> None:
    envoy_front, replica = one
    found, answer = await envoy_front.call_node("")
    assert (found["grpc-status"], answer.host) == ("0", replica.path)
    _, answer = await envoy_front.call_node("remaining", limit="")
    assert not answer.HasField("value"), "a call without a deadline gets none on the way"
    found, _ = await ask(envoy_front.mesh_socket, PREDICT)
    assert (found["grpc-status"], found["content-length"]) == ("12", "0")


OURS = {"meshgen-route": "/x", "meshgen-tried": "1", "meshgen-message": "x"}


async def test_what_is_ours_among_headers_ends_where_it_is_not_from_us(one: tuple[Front, Replica]) -> None:
    envoy_front, replica = one
    for path, body, more in (("/sample", {}, {}), (FORWARD, {}, {}), (FORWARD, b"\0\0\0\0\0", WEB)):
        assert (await envoy_front.post(body, path, **more, **OURS)).status_code == 200
        assert not [key for key in replica.metadata if key.startswith("meshgen-")]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{envoy_front.port}", options=NO_PROXY) as channel:
        await channel.unary_unary(FORWARD)(b"", metadata=tuple(OURS.items()))
    assert not [key for key in replica.metadata if key.startswith("meshgen-")]
    # Callers from the mesh tell a node its route; the others are between them and Envoy.
    await envoy_front.call_node("", **{key.replace("-", "_"): value for key, value in OURS.items()})
    assert {k: v for k, v in replica.metadata.items() if k.startswith("meshgen-")} == {"meshgen-route": "/x"}


@pytest.mark.parametrize("value", ["Ren\u00e9e", "\u540d", "a, b"])
async def test_metadata_arrives_as_it_was_sent(one: tuple[Front, Replica], value: str) -> None:
    headers: Any = {"x-user": value.encode(), "content-type": b"application/json"}
    assert (await one[0].http.post("/sample", content=b"{}", headers=headers)).status_code == 200
    assert one[1].metadata["x-user"] == value


async def test_no_answer_names_a_message_to_those_who_have_no_file_of_it(one: tuple[Front, Replica]) -> None:
    answer = await one[0].post({"text": "names"})
    assert (answer.status_code, "meshgen-message" in answer.headers) == (503, False)
    found, _ = await one[0].call_node("names")
    assert "meshgen-message" not in found
    direct, _ = await ask(
        one[1].path, FORWARD, MESSAGES["sample.model.v1.ForwardRequest"](text="names").SerializeToString()
    )
    assert "meshgen-message" in direct


async def test_the_log_has_a_line_per_request(one: tuple[Front, Replica]) -> None:
    envoy_front = one[0]
    await envoy_front.post({}, "/logged")
    for _ in range(100):
        text = (envoy_front.folder / "access.log").read_text()
        lines = [json.loads(line) for line in text.splitlines() if "/logged" in line]
        if lines:
            break
        await asyncio.sleep(0.05)
    assert lines[0]["status"] == 404


async def test_the_rate_limit(tmp_path: Path) -> None:
    predict, probes = "/sample.v1.SampleService/Predict", 5
    async with replica_process(tmp_path) as (_, path), front(tmp_path, rate_limit=2) as envoy_front:
        envoy_front.serve(DRIVER, path)
        envoy_front.serve(NODE, path)
        await envoy_front.until_health(200)
        answers = [await envoy_front.post({}) for _ in range(probes)]
        refused = [answer for answer in answers if answer.status_code != 200]
        assert refused, "health does not count, requests do"
        text = "more than 2 requests in a second, the limit of `meshgen run --rate-limit`"
        assert error(refused[0], 429, 8) == text
        assert refused[0].headers["retry-after"] == "1"
        statuses = [await status(envoy_front, predict) for _ in range(probes)]
        assert (grpc.StatusCode.RESOURCE_EXHAUSTED, text, "RATE_LIMITED") in statuses
        frame = b"\0\0\0\0\0"
        web = [await envoy_front.post(frame, predict, **{"content-type": "application/grpc-web+proto"}) for _ in "123"]
        assert any(answer.headers.get("grpc-status") == "8" for answer in web), [answer.headers for answer in web]
        assert web[-1].headers["grpc-message"] == text
        assert web[-1].content == b""
        for _ in range(probes):
            assert (await envoy_front.http.get("/openapi.json")).status_code == 503, (
                "pages do not count; none runs here"
            )


async def test_without_memory_new_requests_are_refused_and_others_end(tmp_path: Path) -> None:
    async with replica_process(tmp_path) as (_, path), front(tmp_path, max_heap_bytes=1024 * 1024) as envoy_front:
        envoy_front.serve(DRIVER, path)
        envoy_front.serve(NODE, path)
        await asyncio.sleep(1)
        assert "overload" in error(await envoy_front.post({}), 503, 14)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await envoy_front.call(envoy_front.port, "/sample.v1.SampleService/Predict", "", 10)
        assert raised.value.code().name == "UNAVAILABLE"
        _, answer = await envoy_front.call_node("")
        assert answer.host == path, "calls of requests that are under way pass"


async def status(envoy_front: Front, method: str) -> tuple[Any, str | None, str]:
    """Code, message and reason, in which the trailer with details agrees."""
    try:
        await envoy_front.call(envoy_front.port, method, "", 10)
    except grpc.aio.AioRpcError as error:
        whole = status_pb2.Status.FromString(dict(error.trailing_metadata())["grpc-status-details-bin"])
        info = error_details_pb2.ErrorInfo()
        agrees = (whole.code, whole.message) == (error.code().value[0], error.details())
        agrees = agrees and whole.details[0].Unpack(info)
        return error.code(), error.details(), info.reason if agrees else "other details"
    return grpc.StatusCode.OK, None, ""


async def test_no_replica_then_one_then_none(tmp_path: Path) -> None:
    async with front(tmp_path) as envoy_front:
        error(await envoy_front.post({}), 503, 14)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await envoy_front.call(envoy_front.port, "/sample.v1.SampleService/Predict", "", 10)
        assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
        async with replica_process(tmp_path) as (_, path):
            envoy_front.serve(DRIVER, path)
            await asyncio.sleep(1)
            await envoy_front.until_health(503, within=0.1)  # the node has no replica yet
            envoy_front.serve(NODE, path)
            await envoy_front.until_health(200)
            assert (await envoy_front.post({})).json()["host"] == path
        await envoy_front.until_health(503)
        error(await envoy_front.post({}), 503, 14)


async def test_spans_continue_the_callers_trace(tmp_path: Path) -> None:
    trace = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
    exports: list[Any] = []

    async def export(request: Any, context: Any) -> Any:
        exports.extend(request.resource_spans)
        return trace.ExportTraceServiceResponse()

    collector = grpc.aio.server()
    method = grpc.unary_unary_rpc_method_handler(
        export, trace.ExportTraceServiceRequest.FromString, lambda message: message.SerializeToString()
    )
    service = "opentelemetry.proto.collector.trace.v1.TraceService"
    collector.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {"Export": method}),))
    port = collector.add_insecure_port("127.0.0.1:0")
    await collector.start()
    replica = Replica(str(tmp_path / "replica.sock"))
    await replica.start()
    trace_id, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    try:
        async with front(tmp_path, otlp=Otlp(endpoint=f"http://127.0.0.1:{port}")) as envoy_front:
            envoy_front.serve(DRIVER, replica.path)
            envoy_front.serve(NODE, replica.path)
            await envoy_front.until_health(200)
            await envoy_front.post({}, traceparent=f"00-{trace_id}-{parent}-01")
            seen = replica.metadata["traceparent"].split("-")
            plain = {"content-type": "text/plain"}
            for path, status, more in (("/nope", 404, {}), ("/sample", 415, plain)):
                headers = {"traceparent": f"00-{trace_id}-{parent}-01", **more}
                refused = await envoy_front.post({}, path, **headers)
                assert (refused.status_code, details(refused)["trace_id"]) == (status, trace_id)
            for _ in range(100):
                spans = {
                    span.span_id.hex(): span
                    for resource in exports
                    for scope in resource.scope_spans
                    for span in scope.spans
                    if span.trace_id.hex() == trace_id
                }
                if len(spans) >= 2:
                    break
                await asyncio.sleep(0.05)
    finally:
        replica.server.close()
        await collector.stop(0)
    assert seen[1] == trace_id
    client = spans[seen[2]]
    server = spans[client.parent_span_id.hex()]
    assert server.parent_span_id.hex() == parent
    assert (server.kind, client.kind) == (2, 3)
    names = {a.value.string_value for r in exports for a in r.resource.attributes if a.key == "service.name"}
    assert names == {"envoy"}
    assert (server.name, client.name) == ("/sample", "sample")
