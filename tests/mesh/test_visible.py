"""What Python can see of a value on a mesh: the order of dicts, arrays to write to, values that are deep."""

from __future__ import annotations

import base64
from functools import cache
from typing import Any

import numpy as np
import pytest
from running_mesh import MeshProcess

from meshgen.cli.calling import call
from meshgen.compiler import compile_graph
from meshgen.frontend import load_graph
from meshgen.runtime.local.graph import LocalGraph
from meshgen.runtime.local.through_codec import ThroughCodec
from meshgen.status import Code, StatusError

pytestmark = pytest.mark.mesh

NAMES = ["zebra", "horse", "cat", "mule", "ant"]
NESTED = {"z": 1, "a": {"y": {}, "b": [{"q": 1, "c": 2}]}, "m": 3}


@cache
def local(contracts: bool) -> LocalGraph:
    built = compile_graph(load_graph("tests/mesh/graphs/visible.py"), lock=None)
    layers = [ThroughCodec(built.graph, built.plan.contract.descriptors.SerializeToString())] if contracts else []
    return LocalGraph(built.graph, layers)


def everywhere(mesh: MeshProcess, route: str, request: dict[str, Any]) -> list[Any]:
    """What each transport answers."""
    reply = mesh.post(f"/visible{route}", request)
    assert reply.status == 200, reply
    by_grpc = call(mesh.address, f"/visible{route}", request, timeout_s=60).value
    return [reply.body, by_grpc, *(local(contracts).call_json(request, route=route) for contracts in (False, True))]


def in_order(value: Any) -> Any:
    if isinstance(value, dict):
        return [(key, in_order(item)) for key, item in value.items()]
    return [in_order(item) for item in value] if isinstance(value, list) else value


def test_a_dict_keeps_its_order(mesh: MeshProcess) -> None:
    for answer in everywhere(mesh, "/names", {"text": " ".join(NAMES)}):
        assert answer == {"result": NAMES}
    assert list(mesh.post("/visible/scores", {"text": " ".join(NAMES)}).body["result"]) == NAMES


def test_so_do_those_that_a_client_sends(mesh: MeshProcess) -> None:
    assert mesh.post("/visible/keys", {"anything": NESTED}).body == {"result": ["z", "a", "y", "b", "m"]}
    reply = mesh.post("/visible/anything", {"anything": NESTED})
    assert in_order(reply.body["result"]) == in_order(NESTED)


def test_a_node_may_write_to_what_it_gets(mesh: MeshProcess) -> None:
    for answer in everywhere(mesh, "/means", {"count": 2}):
        assert answer == {"result": [0.25, 0.25]}


@pytest.mark.parametrize("side", [2, 600])
def test_also_to_what_a_client_sent(mesh: MeshProcess, side: int) -> None:
    array = np.ones((1, side, side), np.float32)
    raw = base64.b64encode(array.tobytes()).decode()
    request = {"array": {"datatype": "FP32", "shape": list(array.shape), "raw": raw}}
    reply = mesh.post("/visible/given", request)
    assert base64.b64decode(reply.body["result"]["raw"]) == (array * 0.25).tobytes()


def test_what_two_nodes_in_the_driver_get_is_not_the_same(mesh: MeshProcess) -> None:
    assert mesh.post("/visible/twice", {"count": 2}).body == {"result": [0.5, 0.5]}
    raw = base64.b64encode(np.ones(4, np.float32).tobytes()).decode()
    request = {"array": {"datatype": "FP32", "shape": [1, 2, 2], "raw": raw}}
    assert mesh.post("/visible/given_twice", request).body == {"result": [0.5, 0.5]}


def test_no_number_becomes_another_over_rest(mesh: MeshProcess) -> None:
    """Envoy makes -2^63 of what is a little below; where it came as that, it cannot be told apart."""
    least, rows = -(2**63), [{"id": 1}, {"id": 2, "tags": {"a": -(2**63) - 1}}]
    for number in (least, least - 1, least - 1024):
        reply = mesh.post("/visible/nested", {"count": number, "rows": rows})
        assert (reply.status, reply.body["code"]) == (400, Code.INVALID_ARGUMENT)
        assert reply.body["message"].startswith(
            "count must be greater than -2^63 over REST, where numbers below arrive as"
        )
        violations = next(d["field_violations"] for d in reply.body["details"] if "field_violations" in d)
        assert [v["field"] for v in violations] == ["count", "rows[1].tags['a']"]
    many = [{"id": 1}] * 1000 + [{"id": least - 1}]  # is read beside the loop
    assert mesh.post("/visible/count", {"rows": many}).body["message"].startswith("rows[1000].id must be")
    assert everywhere(mesh, "/nested", {"count": least + 1}) == [{"result": 0}] * 4
    assert call(mesh.address, "/visible/nested", {"count": least}, timeout_s=60).value == {"result": 0}


@pytest.mark.parametrize(("way", "deepest"), [("next", 99), ("items", 99), ("named", 49)])
def test_an_answer_too_deep_for_rest_is_ours_to_refuse(mesh: MeshProcess, way: str, deepest: int) -> None:
    assert mesh.post("/visible/tree", {"count": deepest, "way": way}).status == 200
    reply = mesh.post("/visible/tree", {"count": deepest + 1, "way": way})
    assert (reply.status, reply.body["code"]) == (500, Code.INTERNAL)
    assert "to try again will not help" in reply.body["message"]
    (info,) = reply.body["details"]
    assert info["domain"] == "meshgen"
    assert info["metadata"]["node"] == "visible"
    assert len(info["metadata"]["trace_id"]) == 32
    assert call(mesh.address, "/visible/tree", {"count": deepest + 1, "way": way}, timeout_s=60).value


@pytest.mark.parametrize(
    ("route", "way", "count"), [("tree", "next", 101), ("nested", "items", 50), ("nested", "named", 34)]
)
def test_an_answer_too_deep_for_protobuf_names_its_node(mesh: MeshProcess, route: str, way: str, count: int) -> None:
    assert mesh.post(f"/visible/{route}", {"count": count - 3, "way": way}).status == 200
    reply = mesh.post(f"/visible/{route}", {"count": count, "way": way})
    assert (reply.status, reply.body["code"]) == (500, Code.INTERNAL)
    assert reply.body["message"].startswith("a value of node 'maker' is nested deeper than 100 messages")
    with pytest.raises(StatusError) as raised:
        call(mesh.address, f"/visible/{route}", {"count": count, "way": way}, timeout_s=60)
    assert raised.value.code is Code.INTERNAL
    assert raised.value.node == "maker"


@pytest.mark.parametrize("way", ["next", "items", "named"])
def test_a_request_that_is_too_deep_is_the_callers_fault(mesh: MeshProcess, way: str) -> None:
    tree: dict[str, Any] = {}
    for _ in range(110):
        tree = {way: {"x": tree} if way == "named" else [tree] if way == "items" else tree}
    reply = mesh.post("/visible/depth", {"tree": tree})
    assert (reply.status, reply.body["code"]) == (400, Code.INVALID_ARGUMENT)
