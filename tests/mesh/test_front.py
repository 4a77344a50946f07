"""The front of a mesh: its pages, its limits, and the errors that callers see, by REST and by gRPC."""

from __future__ import annotations

import base64
import json
import re
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import httpx
import numpy as np
import pytest
from browser import browse
from openapi_spec_validator import validate
from running_mesh import ROOT, until

from meshgen.cli.calling import call
from meshgen.codec.rpc import Contracts, RpcCodec
from meshgen.compiler import compile_graph
from meshgen.frontend import load_graph
from meshgen.limits import MEBIBYTE
from meshgen.status import FailedPrecondition, InvalidArgument, ResourceExhausted, StatusError, Violation

if TYPE_CHECKING:
    from conftest import MeshStarter
    from running_mesh import MeshProcess

pytestmark = pytest.mark.mesh
LARGE = "tests/mesh/graphs/large.py"
TENSOR_BYTES = 40_000_000
SUM = {"number": "5", "samples": [1, 2, 3], "operation": "sum"}
JSON = {"content-type": "application/json"}
INFO, BAD_REQUEST = (f"type.googleapis.com/google.rpc.{name}" for name in ("ErrorInfo", "BadRequest"))


def post(mesh: MeshProcess, path: str, value: Any = None, **more: Any) -> httpx.Response:
    with httpx.Client(base_url=f"http://{mesh.address}", timeout=60, trust_env=False) as http:
        return http.request(more.pop("method", "POST"), path, **({"json": value} if value is not None else {}), **more)


def error_of(reply: httpx.Response, status: int, code: int) -> Any:
    assert reply.status_code == status, reply.text[:500]
    assert reply.headers["content-type"] == "application/json"
    body = reply.json()
    assert set(body) == {"code", "message", "details"}
    assert body["code"] == code
    return body


def info_of(body: Any) -> Any:
    (info,) = (d for d in body["details"] if d["@type"] == INFO)
    return info


def tensor(size: int) -> Any:
    raw = np.ones(size // 4, "<f4").tobytes()
    return {"tensor": {"datatype": "FP32", "shape": [size // 4], "raw": base64.b64encode(raw).decode()}}


# --- pages ---------------------------------------------------------------------------------------------------------


def test_openapi_of_all_graphs_is_valid(mesh: MeshProcess) -> None:
    reply = mesh.get("/openapi.json")
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    validate(reply.body)
    assert reply.body["servers"] == [{"url": "/"}]
    paths = reply.body["paths"]
    assert {"/quickstart", "/large/total", "/probe/where", "/gauntlet/echo"} <= set(paths)
    names = [operation["operationId"] for item in paths.values() for operation in item.values()]
    assert len(set(names)) == len(names)
    refused = paths["/quickstart"]["post"]["responses"]["400"]["content"]["application/json"]
    example = refused["examples"]["INVALID_ARGUMENT"]["value"]
    assert set(example) == {"code", "message", "details"}


def test_a_route_that_openapi_names_can_be_called_as_it_says(mesh: MeshProcess) -> None:
    document = mesh.get("/openapi.json").body
    assert (
        mesh.post(
            f"{document['servers'][0]['url']}quickstart", {"number": "5", "samples": [1], "operation": "sum"}
        ).status
        == 200
    )


def test_the_docs_page_needs_no_other_server(mesh: MeshProcess) -> None:
    page = mesh.get("/docs")
    assert page.status == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "://" not in page.body, "everything comes from the front itself"
    for name in ("swagger-ui-bundle.js", "swagger-ui.css"):
        assert mesh.get(f"/docs/assets/{name}").status == 200
    assert mesh.get("/docs/assets/..%2f__init__.py").status in {400, 404}


def test_a_browser_without_network_shows_the_routes(mesh: MeshProcess, tmp_path: Path) -> None:
    script = "document.querySelector('[data-path=\"/quickstart\"]')?.textContent"
    seen = browse(f"http://{mesh.address}/docs", script, tmp_path / "profile")
    assert seen.value is not None, seen


def test_docs_with_a_slash_is_docs(mesh: MeshProcess) -> None:
    assert post(mesh, "/docs/", method="GET").headers["location"].endswith(f"{mesh.address}/docs")
    assert mesh.get("/docs/").status == 200


def test_what_is_no_page_has_the_shape_of_all_errors(mesh: MeshProcess) -> None:
    error_of(post(mesh, "/docs/nothing", method="GET"), 404, 5)
    error_of(post(mesh, "/", method="GET"), 404, 5)


@pytest.mark.parametrize("page", ["/docs", "/openapi.json"])
def test_other_methods_of_the_pages_are_no_calls(mesh: MeshProcess, page: str) -> None:
    assert error_of(post(mesh, page, {}), 405, 12)["message"] == "this path takes GET, HEAD, not POST"


# --- errors --------------------------------------------------------------------------------------------------------


def test_an_error_of_a_user_passes_a_join_unchanged(mesh: MeshProcess) -> None:
    body = error_of(post(mesh, "/large/order", {"item": "tea"}), 400, 9)
    assert body["message"] == "there is no tea left"
    info = info_of(body)
    assert (info["reason"], info["domain"]) == ("OUT_OF_STOCK", "meshgen")
    metadata = info["metadata"]
    assert len(metadata.pop("trace_id")) == 32
    assert metadata == {"node": "tensors", "graph": "large", "item": "tea"}
    with pytest.raises(FailedPrecondition) as caught:
        call(mesh.address, "/large/order", {"item": "tea"}, timeout_s=10)
    error = caught.value
    assert (error.message, error.reason, error.node) == (body["message"], "OUT_OF_STOCK", "tensors")
    assert error.metadata == {"item": "tea"}


def test_violations_of_a_user_pass_a_join_unchanged(mesh: MeshProcess) -> None:
    body = error_of(post(mesh, "/large/order", {"item": "sand"}), 400, 3)
    (bad,) = (d for d in body["details"] if d["@type"] == BAD_REQUEST)
    assert [(v["field"], v["description"]) for v in bad["field_violations"]] == [("item", "is not for sale")]
    with pytest.raises(InvalidArgument) as caught:
        call(mesh.address, "/large/order", {"item": "sand"}, timeout_s=10)
    assert caught.value.violations == (Violation("item", "is not for sale"),)
    assert caught.value.reason == info_of(body)["reason"] == "NOT_FOR_SALE"


def test_the_stack_of_an_unknown_exception_is_for_who_runs_the_mesh(mesh: MeshProcess) -> None:
    body = error_of(post(mesh, "/probe/fail", {"text": "x"}), 500, 13)
    assert body["message"] == "internal error in node 'fail'"
    assert "ZeroDivisionError" not in json.dumps(body)
    assert "secret detail" not in json.dumps(body)
    info = info_of(body)
    assert (info["reason"], info["metadata"]["node"], info["metadata"]["graph"]) == ("INTERNAL", "fail", "probe")
    # And in what `run` prints, as it happens.
    shown = f"in node 'fail' (graph 'probe', trace {info['metadata']['trace_id']})\n"
    until(lambda: shown in mesh.stderr, 10, lambda: mesh.stderr)
    until(lambda: "ZeroDivisionError: secret detail" in mesh.stderr.partition(shown)[2], 10, lambda: mesh.stderr)
    users_frame_first = (
        r'\s*Traceback \(most recent call last\):\n\s+File "\S+/tests/mesh/graphs/probe\.py", line \d+, in fail\n'
    )
    assert re.match(users_frame_first, mesh.stderr.partition(shown)[2])
    logs = Path(re.search(r"^logs +(\S+)$", mesh.stdout, re.MULTILINE)[1])  # type: ignore[index]
    assert any(shown in file.read_text() for file in logs.glob("replica_probe*"))


@pytest.mark.parametrize(
    ("method", "path", "options", "status", "code"),
    [
        ("POST", "/nothing", {"json": {}}, 404, 5),
        ("POST", "/quickstart/nothing", {"json": {}}, 404, 5),
        ("GET", "/quickstart", {}, 405, 12),
        ("PUT", "/quickstart", {"json": {}}, 405, 12),
        ("POST", "/quickstart", {"content": b"{", "headers": JSON}, 400, 3),
        ("POST", "/quickstart", {"content": b"[1]", "headers": JSON}, 400, 3),
        ("POST", "/gauntlet/quiet", {"headers": JSON}, 400, 3),
        ("POST", "/quickstart?verbose=1", {"json": {}}, 400, 3),
        ("POST", "/quickstart", {"content": b"{}"}, 415, 3),
        ("POST", "/quickstart", {"content": b"{}", "headers": {"content-type": "text/plain"}}, 415, 3),
        ("POST", "/quickstart.v1.QuickstartService/Predict", {"content": b"{}"}, 415, 3),
        ("POST", "/quickstart", {"json": {}, "headers": {"host": "evil.example"}}, 421, 7),
        ("GET", "/docs", {"headers": {"host": "evil.example:8080"}}, 421, 7),
        ("GET", "/openapi.json", {"headers": {"host": "evil.example"}}, 421, 7),
        ("GET", "/healthz", {"headers": {"host": "evil.example"}}, 421, 7),
        ("POST", "/quickstart", {"json": {}, "headers": {"origin": "http://evil.example"}}, 403, 7),
        ("POST", "/quickstart", {"json": {}, "headers": {"origin": "null"}}, 403, 7),
        ("POST", "/quickstart", {"json": {}, "headers": {"x-bin": "!"}}, 400, 3),
        ("POST", "/quickstart", {"json": {}, "headers": {"x": "a" * 70_000}}, 431, 8),
        ("POST", "/quickstart", {"json": {}, "headers": {"grpc-timeout": "banana"}}, 400, 3),
        ("POST", "/quickstart", {"json": SUM, "headers": {"grpc-timeout": "1n"}}, 504, 4),
        ("POST", "/probe/hang", {"json": {"text": "hang"}, "headers": {"grpc-timeout": "5m"}}, 504, 4),
        ("POST", "/probe/hang", {"json": {"text": "hang"}, "headers": {"grpc-timeout": "200m"}}, 504, 4),
    ],
)
def test_errors_of_envoy_have_the_shape_of_all(
    mesh: MeshProcess, method: str, path: str, options: Any, status: int, code: int
) -> None:
    body = error_of(post(mesh, path, method=method, **options), status, code)
    assert body["message"]
    assert info_of(body)["domain"] in {"envoy", "meshgen"}


def test_its_own_origin_changes_nothing(mesh: MeshProcess) -> None:
    assert post(mesh, "/quickstart", SUM, headers={"origin": f"http://{mesh.address}"}).json() == {"value": 16}


BINARY = (bytes(range(256)), b"\xff\xfe", b"", b", ")


@pytest.mark.parametrize("values", [BINARY, *((value,) for value in BINARY)], ids=["several", *map(repr, BINARY)])
def test_binary_metadata_reaches_driver_and_nodes_whole(mesh: MeshProcess, values: tuple[bytes, ...]) -> None:
    """The driver, a node, and one that this calls say what came; by each way that leads in."""
    came = [repr(values if len(values) > 1 else values[0])] * 3
    codec = codec_of("probe", "/metadata")
    message = codec.encode_request({"text": "x-bin"})
    with grpc.insecure_channel(mesh.address) as channel:
        sent = tuple(("x-bin", value) for value in values)
        answer = channel.unary_unary(f"/{PROBE}/Metadata", None, None)(message, timeout=20, metadata=sent)
    assert codec.decode_response(answer) == came
    for padding in ("", "="):
        texts = [base64.b64encode(value).decode().rstrip("=" if not padding else "") for value in values]
        for lines in ([("x-bin", text) for text in texts], [("x-bin", ",".join(texts))]):
            assert post(mesh, "/probe/metadata", {"text": "x-bin"}, headers=lines).json() == {"result": came}
            frame = b"\0" + len(message).to_bytes(4, "big") + message
            web = [("content-type", "application/grpc-web+proto"), *lines]
            reply = post(mesh, f"/{PROBE}/Metadata", content=frame, headers=web)
            length = int.from_bytes(reply.content[1:5], "big")
            assert codec.decode_response(reply.content[5 : 5 + length]) == came


def test_binary_metadata_that_is_not_base64_is_refused_in_each_way(mesh: MeshProcess) -> None:
    text = "the header 'x-bin' is not base64"
    body = error_of(post(mesh, "/quickstart", SUM, headers={"x-bin": "!"}), 400, 3)
    assert (body["message"], info_of(body)["domain"]) == (text, "meshgen")
    for kind in ("grpc", "grpc-web+proto"):
        headers = {"content-type": f"application/{kind}", "te": "trailers", "x-bin": "!"}
        reply = post(mesh, f"/{PROBE}/Metadata", content=b"\0\0\0\0\0", headers=headers)
        assert (reply.status_code, reply.headers["grpc-status"], reply.headers["grpc-message"]) == (200, "3", text)


PROBE = "probe.v1.ProbeService"


def codec_of(graph: str, path: str) -> RpcCodec:
    build = compile_graph(load_graph(str(ROOT / f"tests/mesh/graphs/{graph}.py")), lock=None)
    route = next(r for r in build.graph.routes if r.path == path)
    request = build.graph.request(route)
    contracts = Contracts(build.plan.contract.descriptors.SerializeToString())
    return contracts.codec(PROBE, route.rpc, request.params, request.record, route.result)


def test_a_switch_without_the_case_shows_no_file_to_callers(mesh: MeshProcess) -> None:
    body = error_of(post(mesh, "/gauntlet/switch", {"number": 0}), 400, 3)
    assert body["message"] == "the switch has no case for 'zero'; it has 'plus', 'minus'"
    assert ".py" not in json.dumps(body)
    logs = Path(re.search(r"^logs +(\S+)$", mesh.stdout, re.MULTILINE)[1])  # type: ignore[index]
    shown = re.compile(r"no case for 'zero'; it has 'plus', 'minus'; at \S*gauntlet\.py:\d+")
    assert any(shown.search(file.read_text()) for file in logs.glob("replica_gauntlet*"))


def test_what_a_node_raises_does_not_steer_the_terminal(mesh: MeshProcess) -> None:
    forged = f"{secrets.token_hex(4)}\r\n   0.1 s  ready\x1b[2J\x1b]0;title\x07\N{RIGHT-TO-LEFT OVERRIDE}"
    error_of(post(mesh, "/probe/fail", {"text": forged}), 500, 13)
    shown = forged[:8] + r"\r"
    until(lambda: f"{shown}\n" in mesh.stderr, 10, lambda: mesh.stderr)
    line = mesh.stderr.partition(f"{shown}\n")[2].partition("\n")[0]
    assert re.fullmatch(r" {10,}   0\.1 s  ready\\x1b\[2J\\x1b\]0;title\\x07\\u202e", line)
    assert "\x1b" not in mesh.stderr


def test_an_rpc_that_nobody_has(mesh: MeshProcess) -> None:
    with grpc.insecure_channel(mesh.address) as channel:
        with pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary("/no.such.v1.Service/Run", None, None)(b"", timeout=5)
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
        assert "no.such.v1.Service/Run" in str(caught.value.details())


# --- limits --------------------------------------------------------------------------------------------------------


def test_a_request_over_the_limit_is_refused(mesh: MeshProcess) -> None:
    text = "the request to 'large' takes 38.2 MiB, over the limit of 32 MiB; `meshgen run --max-message-mb` raises it"
    body = error_of(post(mesh, "/large/total", tensor(TENSOR_BYTES)), 413, 8)
    assert (body["message"], info_of(body)["reason"]) == (text, "MESSAGE_TOO_LARGE")
    with pytest.raises(ResourceExhausted) as caught:
        call(mesh.address, "/large/total", tensor(TENSOR_BYTES), timeout_s=30)
    assert (caught.value.message, caught.value.reason) == (text, "MESSAGE_TOO_LARGE")


def test_an_answer_over_the_limit_is_refused(mesh: MeshProcess) -> None:
    text = "the answer of 'large' takes 38.2 MiB, over the limit of 32 MiB; `meshgen run --max-message-mb` raises it"
    body = error_of(post(mesh, "/large/ones", {"count": TENSOR_BYTES // 4}), 413, 8)
    assert (body["message"], info_of(body)["reason"]) == (text, "MESSAGE_TOO_LARGE")
    with pytest.raises(ResourceExhausted) as caught:
        call(mesh.address, "/large/ones", {"count": TENSOR_BYTES // 4}, timeout_s=30)
    assert (caught.value.message, caught.value.reason) == (text, "MESSAGE_TOO_LARGE")


def test_a_request_far_over_the_limit_ends_at_envoy(mesh: MeshProcess) -> None:
    text = "the request is far over the limit of 32 MiB for a message; `meshgen run --max-message-mb` raises it"
    size = 70 * MEBIBYTE
    body = error_of(post(mesh, "/large/total", tensor(size)), 413, 8)
    assert (body["message"], info_of(body)["reason"]) == (text, "MESSAGE_TOO_LARGE")
    with pytest.raises(ResourceExhausted) as caught:
        call(mesh.address, "/large/total", tensor(size), timeout_s=30)
    assert (caught.value.message, caught.value.reason) == (text, "MESSAGE_TOO_LARGE")


def test_what_just_fits_passes(mesh: MeshProcess) -> None:
    size = 32 * MEBIBYTE - 1024
    assert post(mesh, "/large/total", tensor(size)).json() == {"result": size // 4}
    reply = post(mesh, "/large/ones", {"count": size // 4})
    assert len(base64.b64decode(reply.json()["result"]["raw"])) == size


def test_between_nodes_more_passes(mesh: MeshProcess) -> None:
    reply = post(mesh, "/large/inside", {"count": TENSOR_BYTES // 4})
    assert reply.json() == {"result": TENSOR_BYTES // 4}


def test_a_node_by_itself_has_the_limit_too(mesh: MeshProcess) -> None:
    body = error_of(post(mesh, "/large.tensors.v1.TensorsService/Ones", {"count": TENSOR_BYTES // 4}), 413, 8)
    assert body["message"].startswith("the answer of 'tensors' takes 38.2 MiB, over the limit of 32 MiB")


def test_a_client_cannot_pass_for_a_node(mesh: MeshProcess) -> None:
    path, headers = "/large.tensors.v1.TensorsService/Total", {"meshgen-route": "/x"}
    body = error_of(post(mesh, path, tensor(TENSOR_BYTES), headers=headers), 413, 8)
    assert body["message"].startswith("the request to 'tensors' takes 38.2 MiB, over the limit of 32 MiB")


def test_settings_of_limits(new_mesh: MeshStarter) -> None:
    """40 MB both ways by both transports, then a burst: one mesh for all, since each takes a while to start."""
    running = new_mesh(LARGE, options=["--port", "0", "--max-message-mb", "48", "--rate-limit", "5"]).start()
    request = tensor(TENSOR_BYTES)
    reply = post(running, "/large/negative", request)
    assert reply.status_code == 200, reply.text[:500]
    assert negative(reply.json())
    assert negative(call(running.address, "/large/negative", request, timeout_s=60).value)
    time.sleep(1)  # for a full bucket
    with ThreadPoolExecutor(30) as burst:
        replies = list(burst.map(lambda _: post(running, "/large/order", {"item": "water"}), range(30)))
        assert {r.status_code for r in replies} == {200, 429}
        assert {*burst.map(lambda _: errors(running), range(30))} == {(None, ""), (ResourceExhausted, "RATE_LIMITED")}
    limited = next(r for r in replies if r.status_code == 429)
    body = error_of(limited, 429, 8)
    assert body["message"] == "more than 5 requests in a second, the limit of `meshgen run --rate-limit`"
    assert (info_of(body)["reason"], limited.headers["retry-after"]) == ("RATE_LIMITED", "1")
    assert post(running, "/docs", method="GET").status_code == 200, "pages do not count"
    assert running.stop() == 0


def negative(answer: Any) -> bool:
    values = np.frombuffer(base64.b64decode(answer["result"]["raw"]), "<f4")
    return values.nbytes == TENSOR_BYTES and bool((values == -1).all())


def errors(running: MeshProcess) -> tuple[type[StatusError] | None, str]:
    try:
        call(running.address, "/large/order", {"item": "water"}, timeout_s=10)
    except StatusError as error:
        return type(error), error.reason
    return None, ""
