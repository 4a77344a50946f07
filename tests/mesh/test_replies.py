"""What clients of a mesh get: the same over gRPC and REST, found by reflection, in one trace."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from meshgen.cli.calling import call
from meshgen.status import Code, StatusError

if TYPE_CHECKING:
    from running_mesh import MeshProcess

    from meshgen.control.otlp import Receiver

pytestmark = pytest.mark.mesh
SUM = {"number": "5", "samples": [1, 2, 3], "operation": "sum"}
BUF = str(Path(sys.executable).with_name("buf"))


@pytest.mark.parametrize(("operation", "value"), [("sum", 16.0), ("max", 10.0)])
def test_grpc_and_rest_give_the_same(mesh: MeshProcess, operation: str, value: float) -> None:
    request = {**SUM, "operation": operation}
    reply = mesh.post("/quickstart", request)
    assert (reply.status, reply.body) == (200, {"value": value})
    assert call(mesh.address, "/quickstart", request, timeout_s=10).value == {"value": value}


def test_a_graph_with_several_routes(mesh: MeshProcess) -> None:
    reply = mesh.post("/probe/hang", {"text": "hello"})
    assert (reply.status, reply.body) == (200, {"result": "hello"})


@pytest.mark.parametrize(
    ("path", "request_", "http", "code"),
    [
        ("/quickstart", {**SUM, "operation": "min"}, 400, Code.INVALID_ARGUMENT),
        ("/quickstart", {**SUM, "number": "five"}, 400, Code.INVALID_ARGUMENT),
        ("/quickstart", {"samples": [1], "operation": "sum"}, 400, Code.INVALID_ARGUMENT),
        ("/probe/fail", {"text": "x"}, 500, Code.INTERNAL),
    ],
)
def test_errors_have_one_code(mesh: MeshProcess, path: str, request_: Any, http: int, code: Code) -> None:
    reply = mesh.post(path, request_)
    assert (reply.status, reply.body["code"]) == (http, code.value)
    assert "secret detail" not in json.dumps(reply.body)
    with pytest.raises(StatusError) as caught:
        call(mesh.address, path, request_, timeout_s=10)
    assert caught.value.code is code


@pytest.mark.parametrize("body", [b"{", b'{"number": 5, "samples": "no", "operation": "sum"}', b"[]"])
def test_json_that_does_not_fit_is_the_callers_fault(mesh: MeshProcess, body: bytes) -> None:
    assert mesh.post("/quickstart", body).status == 400


def test_unknown_paths(mesh: MeshProcess) -> None:
    assert mesh.post("/nothing", {}).status == 404


def test_healthy(mesh: MeshProcess) -> None:
    assert mesh.get("/healthz").status == 200
    with grpc.insecure_channel(mesh.address) as channel:
        check = health_pb2_grpc.HealthStub(channel).Check
        for service in ("", "quickstart.v1.QuickstartService", "quickstart.model_1.v1.Model1Service"):
            answer = check(health_pb2.HealthCheckRequest(service=service), timeout=5)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING, service
        with pytest.raises(grpc.RpcError) as caught:
            check(health_pb2.HealthCheckRequest(service="no.such.Service"), timeout=5)
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("protocol", ["grpc-v1", "grpc-v1alpha"])
def test_reflection_lists_every_service(mesh: MeshProcess, protocol: str) -> None:
    listed = _buf(mesh, "--reflect-protocol", protocol, "--list-services").split()
    assert {
        "quickstart.v1.QuickstartService",
        "quickstart.combine.v1.CombineService",
        "probe.v1.ProbeService",
        "grpc.health.v1.Health",
    } <= set(listed)


def test_a_client_that_knows_nothing_calls_by_reflection(mesh: MeshProcess) -> None:
    answer = _buf(mesh, "--data", json.dumps(SUM), path="/quickstart.v1.QuickstartService/Predict")
    assert json.loads(answer) == {"value": 16}


def test_nodes_answer_on_the_loopback_front(mesh: MeshProcess) -> None:
    answer = _buf(mesh, "--data", '{"x": 4}', path="/quickstart.model_1.v1.Model1Service/Forward")
    assert json.loads(answer) == {"result": 8}


def test_one_trace_from_the_client_through_envoy_to_every_node(mesh: MeshProcess, spans: Receiver) -> None:
    trace, parent = secrets.token_hex(16), secrets.token_hex(8)
    mesh.post("/quickstart", SUM, headers={"traceparent": f"00-{trace}-{parent}-01"})
    nodes = {"parse_number", "average", "model_1", "model_2", "combine"}
    received = spans.wait(trace, services=[*nodes, "quickstart"], timeout_s=20)
    by_id = {span.span_id: span for span in received}
    assert {s.service for s in received} >= {*nodes, "quickstart"}
    roots = [s for s in received if s.parent_id not in by_id]
    assert [s.parent_id for s in roots] == [parent], "one root, and it continues the client's trace"
    for span in received:
        if span.service in nodes and span.kind == "server":
            assert "quickstart" in {s.service for s in _ancestors(span, by_id)}, span


def _ancestors(span: Any, by_id: dict[str, Any]) -> list[Any]:
    found = []
    while (span := by_id.get(span.parent_id)) is not None:
        found.append(span)
    return found


def _buf(mesh: MeshProcess, *options: str, path: str = "") -> str:
    command = [BUF, "curl", "--protocol", "grpc", "--http2-prior-knowledge", *options, f"http://{mesh.address}{path}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
