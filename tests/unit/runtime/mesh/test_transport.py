"""Nodes in the replicas of others: what they answer, whom errors name, what their replicas do for them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from test_remote import Mesh, Proxy

from meshgen import workspace
from meshgen.cli.compiling import ComparedBuild
from meshgen.codec.rpc import Contracts
from meshgen.compiler import Build, compile_graph
from meshgen.contract import names
from meshgen.emit.draw.flowchart import mermaid
from meshgen.frontend import Loaded, load_graph
from meshgen.graph.model import Graph, InDriver, Node, Own, Placement, With
from meshgen.graph.policy import Policy
from meshgen.graph.steps import CallingStep
from meshgen.plan.diagram import diagram
from meshgen.plan.lower import mesh as lowered
from meshgen.runtime.mesh import remote, replica
from meshgen.runtime.mesh.boundary import Boundary, is_flat
from meshgen.runtime.mesh.wire import pool
from meshgen.schema.relate.assignable import holds
from meshgen.status import Code, StatusError

LIMIT_S = 1.5
FILE = str(Path(__file__).parents[2] / "hosted.py")
LAYOUTS: Mapping[str, Mapping[str, Placement]] = {
    "own": {},
    "together": {"leaf": With("boss")},
    "driver": {"leaf": InDriver(), "boss": InDriver()},
}


@dataclass
class Placed:
    mesh: Mesh
    proxy: Proxy

    async def node(self, node: str, method: str, **arguments: Any) -> Any:
        """A call of a node's own service from outside."""
        graph = self.mesh.graph
        found = graph.node(node).method(method)
        assert found is not None
        service = names.service(graph.name, node)
        codec = self.mesh.contracts.codec(service, found.rpc, found.params, None, found.result)
        path, message = f"/{service}/{found.rpc}".encode(), codec.encode_request(arguments)
        return codec.decode_response(await self.proxy.peers[service].call(path, message, 5, ()))


def placed(layout: str) -> Graph:
    graph = load_graph(FILE).graph
    where = LAYOUTS[layout]
    placed = (replace(n, placement=where.get(n.name, n.placement)) for n in graph.nodes)
    # The limit of `boss` is short, and a busy machine slow.
    nodes = (replace(n, options=replace(n.options, policy=longer(n.options.policy))) for n in placed)
    steps = (replace(s, policy=longer(s.policy)) if isinstance(s, CallingStep) else s for s in graph.steps)
    return replace(graph, nodes=tuple(nodes), steps=tuple(steps))


def longer(policy: Policy) -> Policy:
    return replace(policy, timeout_s=policy.timeout_s and LIMIT_S)


@pytest.fixture(params=LAYOUTS)
async def fused(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncIterator[Placed]:
    monkeypatch.setattr(replica, "PUBLISHED", ())
    for name in (remote.MESH_SOCKET, pool.FOLDER):
        monkeypatch.setenv(name, "")  # put back afterwards
    graph = placed(request.param)
    loaded = load_graph(FILE)
    build = compile_graph(Loaded(**{**_fields(loaded), "graph": graph}), lock=None)
    descriptors = build.plan.contract.descriptors.SerializeToString()
    mesh = Mesh(graph, descriptors, tmp_path)
    await mesh.start((*(n.name for n in graph.nodes if isinstance(n.placement, Own)), None), descriptors)
    yield Placed(mesh, mesh.proxy)
    await mesh.stop()


def _fields(loaded: Loaded) -> dict[str, Any]:
    return {name: getattr(loaded, name) for name in loaded.__dataclass_fields__}


async def failure(fused: Placed, rpc: str, text: str, limit: float | None = None) -> StatusError:
    with pytest.raises(StatusError) as error:
        await fused.mesh.call(rpc, text, limit)
    return error.value


async def test_answers_are_those_of_nodes_with_replicas(fused: Placed) -> None:
    assert await fused.mesh.call("Forward", "x") == "7:x"
    assert await fused.mesh.call("Ask", "x") == "boss of 7:x"
    assert await fused.mesh.call("AskSync", "x") == "boss of 7:x"
    assert await fused.mesh.call("Shout", "x") == "X shout"
    seen = await fused.mesh.call("Seen", "who", 3, (("who", "me"),))
    assert (seen.graph, seen.route, seen.node, seen.who) == ("hosted", "/seen", "leaf", "me")
    assert 2 < seen.remaining < 3


async def test_errors_name_the_node(fused: Placed, caplog: pytest.LogCaptureFixture) -> None:
    error = await failure(fused, "Fail", "not found")
    assert (error.code, error.message, error.node) == (Code.NOT_FOUND, "no such thing", "leaf")
    for text in ("anything", "wrong"):  # a bug, and a result that is not of its type
        caplog.clear()
        error = await failure(fused, "Fail", text)
        assert (error.code, error.message, error.node) == (Code.INTERNAL, "internal error in node 'leaf'", "leaf")
        logged = {r.getMessage() for r in caplog.records if r.levelname == "ERROR"}
        assert len(logged) == 1
        assert "internal error in node 'leaf' (graph 'hosted', trace " in logged.pop()


async def test_the_nodes_own_limit_holds(fused: Placed) -> None:
    error = await failure(fused, "Wait", "20")
    assert error.code is Code.DEADLINE_EXCEEDED
    assert error.node in ("boss", "leaf")  # whose deadline is a little shorter


async def test_a_deadline_ends_what_blocks(fused: Placed) -> None:
    assert (await failure(fused, "Block", "1", 0.5)).code is Code.DEADLINE_EXCEEDED


async def test_a_placed_node_answers_for_its_service(fused: Placed) -> None:
    assert await fused.node("leaf", "forward", text="x") == "7:x"
    assert await fused.node("boss", "ask", text="x") == "boss of 7:x"
    seen = await fused.node("leaf", "seen", text="who")
    assert seen.node == "leaf"


@pytest.mark.parametrize("fused", ["together", "driver"], indirect=True)
async def test_calls_within_a_process_do_not_leave_it(fused: Placed) -> None:
    fused.proxy.peers.pop(names.service("hosted", "leaf"))
    assert await fused.mesh.call("Ask", "x") == "boss of 7:x"


@pytest.mark.parametrize("fused", ["together", "driver"], indirect=True)
async def test_what_a_handle_is_given_must_be_of_its_type(fused: Placed) -> None:
    graph = fused.mesh.graph
    replica = fused.mesh.served["boss" if "boss" in fused.mesh.served else "driver"].replica
    boss = replica._transport.instance(graph.node("boss")).target
    with pytest.raises(ValueError, match="text must be a str"):
        await boss.leaf.forward.remote(5)


async def test_health_and_configuration_reach_every_node_of_a_replica(fused: Placed) -> None:
    told: list[Any] = []
    for served in fused.mesh.served.values():
        for instance in served.replica._transport.instances:
            if instance.node.kind == "class":
                name = instance.node.name
                instance.target.check_health = lambda name=name: told.append(name)
                instance.target.reconfigure = lambda config, name=name: told.append((name, config))
    for node, served in fused.mesh.served.items():
        await served.replica.check_health()
        served.replica._by_node = True
        if node != "shout":
            await served.replica.reconfigure({"boss": 1, "leaf": 2})
    assert sorted(told, key=str) == [("boss", 1), ("leaf", 2), "boss", "leaf"]


def test_a_host_lets_in_what_all_of_its_nodes_may_do_at_once() -> None:
    graph = placed("together")
    options = {n.name: {"max_ongoing_requests": 7, "user_config": {n.name: 1}} for n in graph.nodes if n.published}
    nodes = [replace(n, options=replace(n.options, serve=options.get(n.name, {}))) for n in graph.nodes]
    mesh = lowered(replace(graph, nodes=tuple(nodes)))
    assert [w.node for w in mesh.nodes] == ["boss"]
    assert mesh.nodes[0].serve["max_ongoing_requests"] == 14
    assert mesh.nodes[0].serve["user_config"] == {"boss": {"boss": 1}, "leaf": {"leaf": 1}}
    assert [(s.node, s.application) for s in mesh.guest_services] == [("leaf", "hosted-boss")]
    assert [s.node for s in mesh.guests(mesh.nodes[0])] == ["leaf"]


def test_the_driver_answers_for_what_is_placed_in_it() -> None:
    mesh = lowered(placed("driver"))
    assert mesh.nodes == ()
    assert [(s.node, s.application) for s in mesh.guest_services] == [("boss", "hosted"), ("leaf", "hosted")]
    assert [s.service for s in mesh.services] == [
        "hosted.v1.HostedService",
        "hosted.boss.v1.BossService",
        "hosted.leaf.v1.LeafService",
    ]


def compiled(layout: str) -> Build:
    return compile_graph(Loaded(**{**_fields(load_graph(FILE)), "graph": placed(layout)}), lock=None)


@pytest.mark.parametrize(("layout", "cluster"), [("together", "hosted-boss"), ("driver", "hosted")])
def test_a_placed_node_keeps_its_contract_and_has_no_application(layout: str, cluster: str) -> None:
    files = {file.path: file.content.decode(errors="replace") for file in compiled(layout).files}
    own = {file.path: file.content.decode(errors="replace") for file in compiled("own").files}
    assert files["protos/hosted/leaf/v1/leaf.proto"] == own["protos/hosted/leaf/v1/leaf.proto"]
    assert files["protos/hosted/lock.json"] == own["protos/hosted/lock.json"]
    assert files["envoy/hosted/descriptors.binpb"] == own["envoy/hosted/descriptors.binpb"]
    assert not [
        path for path in files if path.startswith(("services/hosted/leaf/", "envoy/hosted/endpoints/hosted-leaf"))
    ]
    envoy = yaml.safe_load(files["envoy/hosted/envoy.yaml"])["static_resources"]
    assert "hosted-leaf" not in {c["name"] for c in envoy["clusters"]}
    public, mesh = (_clusters(listener) for listener in envoy["listeners"])
    assert public["/hosted.leaf.v1.LeafService/"] == cluster
    # Nothing in the mesh calls what is in the driver.
    assert mesh.get("/hosted.leaf.v1.LeafService/") == (None if layout == "driver" else cluster)


def _clusters(listener: dict[str, Any]) -> dict[str, str]:
    """Which cluster answers a prefix."""
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    routes = manager["route_config"]["virtual_hosts"][0]["routes"]
    return {r["match"]["prefix"]: r["route"]["cluster"] for r in routes if "prefix" in r["match"] and "route" in r}


def test_pictures_services_and_check_say_where_a_node_runs(tmp_path: Path) -> None:
    assert '("leaf.forward<br/>with boss")' in mermaid(diagram(placed("together")))
    assert '("leaf.forward<br/>in the driver")' in mermaid(diagram(placed("driver")))
    files = {file.path: file.content.decode(errors="replace") for file in compiled("together").files}
    assert files["services/hosted/boss/service.py"].startswith(
        '"""Node `boss` of `hosted`, with `leaf` in its replicas,'
    )
    built = ComparedBuild(build=compiled("together"), root=tmp_path, project=tmp_path, problems=())
    assert built.guest_lines == ("in the replicas of 'boss': 'leaf'",)
    assert replace(built, build=compiled("driver")).guest_lines == ("in the replicas of the driver: 'boss', 'leaf'",)


def test_placing_a_node_removes_its_generated_service(tmp_path: Path) -> None:
    workspace.write(tmp_path, compiled("own").files)
    changed = workspace.write(tmp_path, compiled("together").files)
    assert "services/hosted/leaf/service.py" in changed
    assert not (tmp_path / "services/hosted/leaf").exists()
    assert (tmp_path / "protos/hosted/leaf/v1/leaf.proto").exists()
    assert workspace.stale(tmp_path, compiled("together").files) == ()


FLAT = load_graph(str(Path(__file__).parents[2] / "flat_results.py"))
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**65), 2**65),
    st.floats(),
    st.text(st.characters(codec=None), max_size=3),
    st.binary(max_size=3),
    st.sampled_from([*FLAT.graph.node("flat").target.colour.__globals__["Colour"], "fast", 3, 3.0, "r", "RED"]),
    st.sampled_from([np.int64(3), np.float32(1.5), np.bool_(True), np.float64("nan"), bytearray(b"x"), [1], [None]]),
)


@settings(max_examples=300, deadline=None)
@given(value=VALUES)
def test_results_that_pass_at_a_glance_pass_the_codec(value: Any) -> None:
    borders, flat = flat_boundaries()
    seen = set()
    for name, border in borders.items():
        method = flat.method(name)
        assert method is not None
        if is_flat(method.result) and holds(value, method.result):
            border.codec.check_response(value)
            seen.add(name)
        with_codec = True
        try:
            border.codec.encode_response(value)
        except ValueError:
            with_codec = False
        try:
            border.codec.check_response(value)
        except ValueError:
            assert not with_codec
        else:
            assert with_codec
    assert "deep" not in seen


@cache
def flat_boundaries() -> tuple[Mapping[str, Boundary], Node]:
    build = compile_graph(FLAT, lock=None)
    contracts = Contracts(build.plan.contract.descriptors.SerializeToString())
    flat = build.graph.node("flat")
    return {m.name: Boundary(build.graph, flat, m, contracts) for m in flat.methods}, flat
