"""One corpus of cases, run in process, in process through the contracts, and over the mesh by gRPC and by REST.

A case is a file `conformance/<graph>/<case>.json`: the input, and the output or the error. Outputs are compared after
decoding by the contract (Envoy prints `16.0` as `16`, and int64 as a string). Three cases leave one transport out,
since the fault is repaired before it gets to us: Envoy reads the text `yes` as a bool and null in a map as an empty
value, Python's protobuf `***` as base64.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from meshgen.codec import grpc_status
from meshgen.codec.rpc import Contracts
from meshgen.compiler import Build, compile_graph
from meshgen.contract import names
from meshgen.frontend import load_graph
from meshgen.graph.model import Route
from meshgen.runtime.call.errors import as_status
from meshgen.runtime.local.graph import LocalGraph
from meshgen.runtime.local.through_codec import ThroughCodec
from meshgen.schema.convert.json_value import from_json, to_json
from meshgen.schema.model import Nothing
from meshgen.status import HTTP_STATUS, Code, StatusError

if TYPE_CHECKING:
    from running_mesh import MeshProcess

ROOT = Path(__file__).parent
TARGETS = {
    "quickstart": "graphs/quickstart.py",
    "gauntlet": "tests/graphs/gauntlet.py",
    "adapted": "tests/graphs/adapted.py",
    "border": "tests/graphs/border.py",
    "gauntlet_fused": "tests/graphs/gauntlet.py:fused",
}


@dataclass(frozen=True)
class Case:
    """One request and what it must give."""

    graph: str
    name: str
    input: Any
    route: str | None = None
    output: Any = None
    error: dict[str, Any] | None = None
    timeout_s: float | None = None
    transports: tuple[str, ...] = ("local", "codec", "grpc", "rest")

    def check(self, got: Outcome) -> None:
        if self.error is None:
            assert got.error is None, got
            assert _same(got.output, self.output), f"{got.output} is not {self.output}"
            return
        assert got.error is not None, got
        assert got.error.name == self.error["code"], got
        if "message" in self.error:
            assert re.search(self.error["message"], got.message), got
        if got.violations is None:
            return
        if "node" in self.error:
            assert got.node == self.error["node"], got
        expected = self.error.get("violations")
        if isinstance(expected, dict):  # with their descriptions
            assert dict(got.violations) == expected, got
        elif expected is not None:
            assert sorted(path for path, _ in got.violations) == sorted(expected), got


@dataclass(frozen=True)
class Outcome:
    """What a transport gave."""

    output: Any = None
    error: Code | None = None
    message: str = ""
    violations: tuple[tuple[str, str], ...] | None = None
    """Fields at fault and what is wrong with them; None when a proxy found the fault before any of our code did."""
    node: str = ""


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b):
        return True
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_same, a, b))
    return type(a) is type(b) and a == b


def load_cases() -> list[Case]:
    cases = []
    for path in sorted((ROOT / "conformance").glob("*/*.json")):
        raw = json.loads(path.read_text())
        raw["transports"] = tuple(raw.get("transports", Case.transports))
        cases.append(Case(graph=path.parent.name, name=path.stem, **raw))
    return [*cases, *(fused(case) for case in cases if case.graph == "gauntlet")]


def fused(case: Case) -> Case:
    """The same of the graph in which most nodes run in the replicas of others."""
    text = json.dumps(case.output).replace('"gauntlet"', '"gauntlet_fused"')
    return replace(case, graph="gauntlet_fused", output=json.loads(text))


CASES = load_cases()


def on(transport: str) -> Any:
    cases = [c for c in CASES if transport in c.transports]
    return pytest.mark.parametrize("case", cases, ids=[f"{c.graph}-{c.name}" for c in cases])


@cache
def build(graph: str) -> Build:
    return compile_graph(load_graph(TARGETS[graph]), lock=None)


@cache
def local_graph(graph: str) -> LocalGraph:
    return LocalGraph(build(graph).graph)


@cache
def contracted_graph(graph: str) -> LocalGraph:
    built = build(graph)
    return LocalGraph(built.graph, [ThroughCodec(built.graph, built.plan.contract.descriptors.SerializeToString())])


def in_process(graph: LocalGraph, case: Case) -> Outcome:
    try:
        return Outcome(graph.call_json(case.input, route=case.route, timeout_s=case.timeout_s))
    except Exception as e:  # whatever it is, a client would get a status
        error = as_status(e, graph.graph.name)
        found = tuple((v.field, v.description) for v in error.violations)
        return Outcome(error=error.code, message=error.message, violations=found, node=error.node)


def decoded(graph: str, route: Route, value: Any) -> Any:
    """A JSON answer of the mesh in the form in which `meshgen local` prints it."""
    if isinstance(route.result, Nothing):
        return value
    return to_json(route.result, from_json(route.result, value))


@pytest.mark.xdist_group("conformance")
@on("local")
def test_local(case: Case) -> None:
    case.check(in_process(local_graph(case.graph), case))


@pytest.mark.xdist_group("conformance")
@on("codec")
def test_through_the_contracts(case: Case) -> None:
    case.check(in_process(contracted_graph(case.graph), case))


@pytest.mark.mesh
@on("rest")
def test_rest(case: Case, mesh: MeshProcess) -> None:
    graph = build(case.graph).graph
    path = graph.route_prefix + ("" if case.route in (None, "/") else str(case.route))
    headers = {"grpc-timeout": f"{int(case.timeout_s * 1000)}m"} if case.timeout_s else {}
    reply = mesh.post(path, case.input, headers=headers)
    if reply.status == 200:
        case.check(Outcome(decoded(case.graph, local_graph(case.graph).route(case.route), reply.body)))
        return
    body = reply.body
    code = Code(body["code"])
    assert reply.status == HTTP_STATUS[code], reply
    details = body.get("details", [])
    rows = [v for d in details for v in d.get("fieldViolations", d.get("field_violations", []))]
    found = tuple((v["field"], v["description"]) for v in rows)
    nodes = [d["metadata"].get("node", "") for d in details if "metadata" in d]
    case.check(Outcome(error=code, message=body["message"], violations=found or None, node="".join(nodes)))


@pytest.mark.mesh
@on("grpc")
def test_grpc(case: Case, mesh: MeshProcess) -> None:
    check_by_grpc(case, mesh.address)


def check_by_grpc(case: Case, address: str) -> None:
    import grpc
    from google.protobuf import json_format

    graph = build(case.graph).graph
    try:
        route = local_graph(case.graph).route(case.route)
    except StatusError:
        pytest.skip("a gRPC client has no way to name a route that does not exist: it is UNIMPLEMENTED (test_front)")
    request = graph.request(route)
    contracts = Contracts(build(case.graph).plan.contract.descriptors.SerializeToString())
    codec = contracts.codec(names.service(graph.name), route.rpc, request.params, request.record, route.result)
    message = codec.request_class()
    try:
        json_format.ParseDict(case.input, message, ignore_unknown_fields=True)
    except (json_format.ParseError, AttributeError) as e:
        assert case.error is not None, e  # noqa: PT017 - only some cases raise
        assert case.error["code"] == "INVALID_ARGUMENT", "the message cannot even be written"
        return
    with grpc.insecure_channel(address) as channel:
        call = channel.unary_unary(f"/{names.service(graph.name)}/{route.rpc}")
        try:
            answer = call(message.SerializeToString(), timeout=case.timeout_s or 30)
        except grpc.RpcError as e:
            details = dict(e.trailing_metadata() or ()).get(grpc_status.TRAILER)
            assert details is None or isinstance(details, bytes)
            error = grpc_status.decode(e.code().value[0], e.details() or "", details)
            found = tuple((v.field, v.description) for v in error.violations)
            case.check(Outcome(error=error.code, message=error.message, violations=found or None, node=error.node))
            return
    value = codec.decode_response(answer)
    shape = route.result
    case.check(Outcome({} if isinstance(shape, Nothing) else to_json(shape, value)))
