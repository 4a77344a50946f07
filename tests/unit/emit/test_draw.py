"""Pictures: that nothing overlaps, that text is escaped, that bytes repeat."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshgen.emit import draw
from meshgen.emit.draw.layout import Item, Size, layout
from meshgen.frontend import load_graph
from meshgen.plan.diagram import diagram
from meshgen.plan.model import Diagram, DiagramEdge, DiagramNode

PROJECT = Path(__file__).parents[3]
ODD = 'a < b & "c" > #d'


def sample(*edges: tuple[str, str], labels: bool = True) -> Diagram:
    names = sorted({name for edge in edges for name in edge})
    nodes = (DiagramNode(id=name, label=name, kind="input" if name == "a" else "node") for name in names)
    arrows = (DiagramEdge(source=s, target=t, label=f"{s}{t}" * labels, kind="data") for s, t in edges)
    return Diagram(title="sample", nodes=tuple(nodes), edges=tuple(arrows))


def overlap(one: Item, other: Item) -> bool:
    return (
        abs(one.x - other.x) < (one.size.width + other.size.width) / 2 - 0.01
        and abs(one.y - other.y) < (one.size.height + other.size.height) / 2 - 0.01
    )


def check_places(drawn: Diagram) -> None:
    boxes = {node.id: Size(60 + 10 * len(node.label), 30) for node in drawn.nodes}
    placed = layout(drawn, boxes, [Size(8 * len(e.label), 16 if e.label else 0) for e in drawn.edges])
    items = [item for _, item in placed.boxes.values()] + [r.label for r in placed.routes if r.label]
    assert not [(a, b) for a, b in itertools.combinations(items, 2) if overlap(a, b)]
    for route in placed.routes:
        assert all(upper.y < lower.y for upper, lower in itertools.pairwise(route.items))
        assert (route.label is not None) == bool(route.edge.label)
    for item in items:
        assert 0 <= item.x - item.size.width / 2 <= item.x + item.size.width / 2 <= placed.size.width
        assert 0 <= item.y - item.size.height / 2 <= item.y + item.size.height / 2 <= placed.size.height


@pytest.mark.parametrize("name", ["quickstart", "content_understanding"])
def test_the_example_graphs(name: str) -> None:
    drawn = diagram(load_graph(str(PROJECT / f"graphs/{name}.py")).graph)
    check_places(drawn)
    root = ET.fromstring(draw.svg(drawn))
    texts = {element.text for element in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {line for node in drawn.nodes for line in node.label.split("\n")} <= texts
    assert {line for edge in drawn.edges for line in edge.label.split("\n")} <= texts
    assert draw.svg(drawn) == draw.svg(drawn)


@settings(max_examples=60, deadline=None)
@given(st.sets(st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda e: e[0] < e[1]), min_size=1, max_size=18))
def test_nothing_overlaps_in_any_graph(edges: set[tuple[int, int]]) -> None:
    check_places(sample(*(("abcdefghij"[s], "abcdefghij"[t]) for s, t in sorted(edges))))


def test_a_single_box() -> None:
    lone = Diagram(title="lone", nodes=(DiagramNode(id="a", label="a", kind="input"),), edges=())
    ET.fromstring(draw.svg(lone))
    assert draw.mermaid(lone) == 'flowchart TD\n  a(["a"])\n'


def test_every_kind_is_drawn() -> None:
    kinds = ("input", "node", "placed", "switch", "map", "output")
    nodes = tuple(DiagramNode(id=k, label=f"{k}\nmore", kind=k) for k in kinds)
    edges = (
        DiagramEdge(source="input", target="node", label="x", kind="data"),
        DiagramEdge(source="node", target="switch", label="", kind="branch"),
        DiagramEdge(source="switch", target="map", label="may call", kind="may_call"),
    )
    drawn = Diagram(title="kinds", nodes=nodes, edges=edges)
    text = draw.svg(drawn)
    assert all(f'class="box {kind}"' in text for kind in kinds)
    assert all(f'class="edge {edge.kind}"' in text for edge in edges)
    assert "switch -.->|" in draw.mermaid(drawn)


def test_text_is_escaped() -> None:
    nodes = (DiagramNode(id="a", label=ODD, kind="input"), DiagramNode(id="b", label="b", kind="node"))
    odd = Diagram(title=ODD, nodes=nodes, edges=(DiagramEdge(source="a", target="b", label=ODD, kind="data"),))
    root = ET.fromstring(draw.svg(odd))
    assert [e.text for e in root.iter("{http://www.w3.org/2000/svg}text")].count(ODD) == 2
    assert ODD not in draw.mermaid(odd)
    assert ODD not in draw.html(odd)
    assert 'a(["a #lt; b #amp; #quot;c#quot; #gt; #35;d"])' in draw.mermaid(odd)


def test_a_page_needs_no_network() -> None:
    page = draw.html(sample(("a", "b")))
    assert page.startswith("<!doctype html>")
    assert page.replace("http://www.w3.org/2000/svg", "").count("http") == 0
    assert "<svg" in page
