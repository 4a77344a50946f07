"""Which nodes had better share a process, told from spans."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from meshgen.advice.proposals import CHEAP_S, Advice, advise
from meshgen.advice.spans import Span, read_spans
from meshgen.advice.times import Times, times_of
from meshgen.cli.advising import advise_on
from meshgen.errors import MeshgenError
from meshgen.frontend import load_graph
from meshgen.graph.model import Graph, InDriver, Own, With
from meshgen.graph.verify import verify

ROOT = Path(__file__).parents[3]
SPANS = ROOT / "tests/unit/advice/quickstart.jsonl"
"""What `meshgen run graphs/quickstart.py --trace` wrote of three requests."""
GAUNTLET = "tests/graphs/gauntlet.py"


def span(name: str, kind: Any, service: str, id: str, parent: str, start: float, end: float, **more: Any) -> Span:  # noqa: A002
    times = {"start": int(start * 1e6), "end": int(end * 1e6)}
    return Span(trace="t", id=id, parent=parent, service=service, name=name, kind=kind, graph="", **{**times, **more})


def call(node: str, id: str, parent: str, start: float, end: float, hop: float, *, by: str = "g") -> Iterator[Span]:  # noqa: A002
    """A client span, the proxy's two below it, and the server's, whose id is `id`."""
    yield span(f"{node}.Call", "client", by, f"{id}c", parent, start - hop / 2, end + hop / 2)
    yield span("router", "server", "envoy-mesh", f"{id}e", f"{id}c", start - hop / 3, end + hop / 3)
    yield span("egress", "client", "envoy-mesh", f"{id}f", f"{id}e", start - hop / 4, end + hop / 4)
    yield span(f"{node}.Call", "server", node, id, f"{id}f", start, end)


def test_own_time_is_without_the_calls_that_a_node_makes() -> None:
    outer = call("outer", "a", "root", 10, 30, 1)
    # Two at the same time: together they take from 11.5 to 17.5.
    first, second = call("inner", "b", "a", 12, 15, 1, by="outer"), call("inner", "c", "a", 13, 17, 1, by="outer")
    times = times_of([*outer, *first, *second], "g", ["outer", "inner", "unseen"])
    assert times.keys() == {"outer", "inner"}
    assert times["outer"] == Times(calls=1, requests=1, own_s=pytest.approx(0.014), hop_s=pytest.approx(0.001))
    assert times["inner"] == Times(calls=2, requests=1, own_s=pytest.approx(0.0035), hop_s=pytest.approx(0.001))


def test_calls_from_outside_and_other_graphs_say_nothing() -> None:
    outside = span("n.Call", "server", "n", "a", "unknown", 1, 2)
    other = [replace(s, graph="other") if s.service == "n" else s for s in call("n", "b", "root", 1, 2, 1)]
    assert times_of([outside, *other], "g", ["n"]) == {}


def advice(graph: Graph, **times: tuple[float, float]) -> dict[str, Advice]:
    """Args: milliseconds of own work and of the hop, by node."""
    given = {n: Times(calls=2, requests=1, own_s=own / 1e3, hop_s=hop / 1e3) for n, (own, hop) in times.items()}
    return {a.node.name: a for a in advise(graph, given)}


def test_cheap_nodes_are_proposed_where_they_can_go() -> None:
    graph = load_graph(GAUNTLET).graph
    cheap = {n.name: (0.1, 1.0) for n in graph.services}
    found = advice(graph, **cheap)
    assert found["double"].placement == InDriver()
    assert found["double"].line == 'double.options(placement="driver")'
    assert found["double"].saved_s == pytest.approx(0.002)
    placements = {name: a.placement for name, a in found.items() if a.placement is not None}
    nodes = tuple(replace(n, placement=placements.get(n.name, n.placement)) for n in graph.nodes)
    assert verify(replace(graph, nodes=nodes)) == ()
    assert found["scale_minus"].placement == With("chooser")
    assert found["scale_minus"].line == 'Scale.options(name="scale_minus", placement="with:chooser")'
    assert "if that loads a model" in found["scale_minus"].notes[0]


@pytest.mark.parametrize(
    ("own", "hop", "reason"),
    [(CHEAP_S * 1e3 + 1, 9, "works too long"), (2, 1, "hop is short"), (0.1, 1, "")],
)
def test_only_what_is_short_beside_its_hop_moves(own: float, hop: float, reason: str) -> None:
    found = advice(load_graph(GAUNTLET).graph, double=(own, hop))["double"]
    assert reason in found.reason
    assert (found.placement is None) is bool(reason)


def test_nodes_with_options_of_replicas_stay() -> None:
    graph = load_graph(GAUNTLET).graph
    options = {"num_replicas": 2, "ray_actor_options": {"num_gpus": 1}}
    nodes = [replace(n, options=replace(n.options, serve=options)) if n.name == "double" else n for n in graph.nodes]
    found = advice(replace(graph, nodes=tuple(nodes)), double=(0.1, 1))["double"]
    assert (found.placement, found.reason) == (
        None,
        "it has options of its own replicas: num_replicas, ray_actor_options",
    )


def test_what_is_placed_already_and_its_hosts_stay() -> None:
    graph = load_graph(f"{GAUNTLET}:fused").graph
    found = advice(graph, **{n.name: (0.1, 1.0) for n in graph.services})
    assert [a.node.name for a in found.values() if a.placement is not None] == []
    assert found["double"].reason == 'it is placed "driver" already'
    assert found["echo"].reason.endswith("placed with it")
    assert isinstance(found["echo"].node.placement, Own)


def test_a_node_that_no_trace_tells_of() -> None:
    assert advice(load_graph(GAUNTLET).graph)["double"].reason == "no trace has a call of it"


# --- files ---------------------------------------------------------------------------------------------------------


def test_the_spans_of_a_real_run(request: pytest.FixtureRequest) -> None:
    lines: list[str] = []
    advise_on("graphs/quickstart.py", SPANS, lines.append)
    text = "\n".join(lines) + "\n"
    expected = SPANS.with_name("quickstart.txt")
    if request.config.getoption("--accept"):
        expected.write_text(text)
    assert text == expected.read_text()


def document(**more: Any) -> dict[str, Any]:
    one = {"traceId": "0a" * 16, "spanId": "0b" * 8, "name": "n.Call", "startTimeUnixNano": "1", "endTimeUnixNano": "5"}
    service = {"key": "service.name", "value": {"stringValue": "n"}}
    spans = [{**one, "kind": 2, **more}]
    return {"resourceSpans": [{"resource": {"attributes": [service]}, "scopeSpans": [{"spans": spans}]}]}


def test_one_document_or_one_in_each_line(tmp_path: Path) -> None:
    file = tmp_path / "spans.json"
    file.write_text(json.dumps(document(), indent=2))
    whole = read_spans(file)
    assert [(s.service, s.name, s.kind, s.took) for s in whole] == [("n", "n.Call", "server", 4)]
    file.write_text(f'{json.dumps(document())}\n\n{json.dumps(document(kind="SPAN_KIND_CLIENT"))}\n{{"resourceSp')
    assert [s.kind for s in read_spans(file)] == ["server", "client"]  # a killed run leaves half a line


@pytest.mark.parametrize("text", ["", "hello", "[]", "{}", '{"resourceSpans": 5}', '{"resourceSpans": []}'])
def test_other_files_are_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "spans.json"
    file.write_text(text)
    with pytest.raises(MeshgenError, match=r"spans\.json (has no|is no file of) spans"):
        read_spans(file)


def test_what_the_receiver_writes_can_be_read(tmp_path: Path) -> None:
    import grpc
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

    from meshgen.control.otlp import Receiver

    file = tmp_path / "spans.jsonl"
    sent = trace_service_pb2.ExportTraceServiceRequest()
    resource = sent.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = "n"
    one = resource.scope_spans.add().spans.add(
        trace_id=bytes(range(16)), span_id=bytes(range(8)), name="n.Call", kind=3
    )
    one.start_time_unix_nano, one.end_time_unix_nano = 10**18, 10**18 + 7
    with Receiver(file=file) as receiver, grpc.insecure_channel(receiver.endpoint.removeprefix("http://")) as channel:
        trace_service_pb2_grpc.TraceServiceStub(channel).Export(sent)
    (got,) = read_spans(file)
    assert got.trace == bytes(range(16)).hex()
    assert (got.id, got.parent, got.kind, got.took) == (bytes(range(8)).hex(), "", "client", 7)
