"""Nodes in the replicas of others, on a running mesh: their services, spans and endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from running_mesh import ROOT

from meshgen.codec import grpc_status
from meshgen.codec.rpc import Contracts
from meshgen.compiler import compile_graph
from meshgen.contract import names
from meshgen.frontend import load_graph
from meshgen.status import Code

if TYPE_CHECKING:
    from running_mesh import MeshProcess

    from meshgen.control.otlp import Receiver

pytestmark = pytest.mark.mesh
TRACEPARENT = "00-{}-00f067aa0ba902b7-01"


def called(mesh: MeshProcess, node: str, **arguments: Any) -> Any:
    """The answer of a node's own service, asked from outside."""
    build = compile_graph(load_graph(str(ROOT / "tests/graphs/gauntlet.py:fused")), lock=None)
    graph = build.graph
    method = graph.node(node).methods[0]
    service = names.service(graph.name, node)
    contracts = Contracts(build.plan.contract.descriptors.SerializeToString())
    codec = contracts.codec(service, method.rpc, method.params, None, method.result)
    with grpc.insecure_channel(mesh.address) as channel:
        answer = channel.unary_unary(f"/{service}/{method.rpc}")(codec.encode_request(arguments), timeout=20)
    return codec.decode_response(answer)


@pytest.mark.parametrize(("node", "arguments", "expected"), [("double", {"x": 4.0}, 8.0), ("sleep", {"seconds": 0}, 0)])
def test_the_service_of_a_placed_node_is_answered(mesh: MeshProcess, node: str, arguments: Any, expected: Any) -> None:
    assert called(mesh, node, **arguments) == expected


@pytest.mark.parametrize("word", ["NOT_FOUND", "bug"])
def test_the_service_of_a_placed_node_servicesit_in_errors(mesh: MeshProcess, word: str) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        called(mesh, "fail", word=word)
    call: Any = raised.value
    details = dict(call.trailing_metadata() or ())[grpc_status.TRAILER]
    error = grpc_status.decode(call.code().value[0], call.details(), details)
    assert (error.code, error.node) == (Code.NOT_FOUND if word == "NOT_FOUND" else Code.INTERNAL, "fail")


@pytest.mark.parametrize("graph", ["gauntlet", "gauntlet_fused"])
def test_each_node_has_its_spans_wherever_it_runs(mesh: MeshProcess, spans: Receiver, graph: str) -> None:
    trace = ("c0ffee" * 6)[:31] + ("1" if graph == "gauntlet" else "2")
    reply = mesh.post(
        f"/{graph}/handles", {"word": "plus", "number": 1}, headers={"traceparent": TRACEPARENT.format(trace)}
    )
    assert reply.status == 200, reply
    found = spans.wait(trace, {graph, "chooser", "scale_plus"})
    own = sorted((s.service, s.name, s.kind) for s in found if not s.service.startswith("envoy"))
    assert own == [
        ("chooser", "chooser.Call", "server"),
        ("chooser", "scale_plus.Call", "client"),
        ("chooser", "scale_plus.Shifted", "client"),
        (graph, "chooser.Call", "client"),
        (graph, f"{graph}.Handles", "server"),
        ("scale_plus", "scale_plus.Call", "server"),
        ("scale_plus", "scale_plus.Shifted", "server"),
    ]
    server = next(s for s in found if s.name == "scale_plus.Call" and s.kind == "server")
    assert server.attributes["meshgen.node"] == "scale_plus"
    # Calls of nodes go straight to their replicas.
    assert not [s for s in found if s.service == "envoy-mesh"]


def test_health_knows_the_services_of_placed_nodes(mesh: MeshProcess) -> None:
    services = [names.service("gauntlet_fused", node) for node in ("double", "scale_plus", "echo")]
    with grpc.insecure_channel(mesh.address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        for name in services:
            answer = health.Check(health_pb2.HealthCheckRequest(service=name), timeout=10)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_only_hosts_have_replicas(mesh: MeshProcess) -> None:
    assert mesh.run_dir is not None
    clusters = {path.name for path in (mesh.run_dir / "endpoints").iterdir()}
    assert {c for c in clusters if c.startswith("gauntlet_fused")} == {
        "gauntlet_fused",
        "gauntlet_fused-chooser",
        "gauntlet_fused-customer",
        "gauntlet_fused-echo",
    }
