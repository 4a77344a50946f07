"""Pictures of a topology: SVG, an HTML page around it, Mermaid text."""

from __future__ import annotations

from meshgen.emit.draw.flowchart import mermaid
from meshgen.emit.draw.picture import html, svg

__all__ = ["html", "mermaid", "svg"]
