"""Diagram → Mermaid flowchart."""

from __future__ import annotations

from collections.abc import Mapping

from meshgen.plan.model import Diagram, DiagramEdge, DiagramNode

_SHAPES: Mapping[str, tuple[str, str]] = {
    "input": ("([", "])"),
    "node": ("[", "]"),
    "placed": ("(", ")"),
    "switch": ("{{", "}}"),
    "map": ("[[", "]]"),
    "output": ("([", "])"),
}
_ARROWS: Mapping[str, str] = {"data": "-->", "branch": "-.->", "may_call": "-.->"}


def mermaid(diagram: Diagram) -> str:
    """The topology as Mermaid text, which many Markdown viewers draw."""
    lines = ["flowchart TD", *(_node(node) for node in diagram.nodes), *(_edge(edge) for edge in diagram.edges)]
    return "\n".join(lines) + "\n"


def _node(node: DiagramNode) -> str:
    opening, closing = _SHAPES[node.kind]
    return f"  {node.id}{opening}{_quoted(node.label)}{closing}"


def _edge(edge: DiagramEdge) -> str:
    label = f"|{_quoted(edge.label)}|" if edge.label else ""
    return f"  {edge.source} {_ARROWS[edge.kind]}{label} {edge.target}"


def _quoted(text: str) -> str:
    """Mermaid reads entities inside quotes, written with `#` in place of `&`."""
    escaped = text.replace("#", "#35;").replace("&", "#amp;").replace('"', "#quot;")
    escaped = escaped.replace("<", "#lt;").replace(">", "#gt;")
    return '"' + escaped.replace("\n", "<br/>") + '"'
