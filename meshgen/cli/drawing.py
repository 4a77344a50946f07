"""`meshgen draw`: the topology of a graph in one of three formats."""

from __future__ import annotations

from meshgen.emit import draw
from meshgen.frontend import load_graph
from meshgen.plan.diagram import diagram

RENDERERS = {".svg": draw.svg, ".mmd": draw.mermaid, ".html": draw.html}


def drawing(target: str, kind: str) -> str:
    """The topology of a graph; `kind` is a key of `RENDERERS`."""
    return RENDERERS[kind](diagram(load_graph(target).graph))
