"""Diagram → SVG, and an HTML page around it. Neither needs a network."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from html import escape

from meshgen.emit.draw.layout import Item, Layout, Route, Size, layout
from meshgen.plan.model import Diagram, DiagramNode

# Both fonts are monospaced, so that widths are known here: a character is 0.6 of the size, in every such font.
_BOX_FONT, _LABEL_FONT = 14, 12
_ADVANCE = 0.602
_LINE = 1.35
_STYLE = """
svg { --ink: #1f2328; --soft: #59636e; --line: #818b98; --paper: #ffffff; --node: #f6f8fa; --edge: #ddf4ff; }
@media (prefers-color-scheme: dark) {
  svg { --ink: #f0f6fc; --soft: #9198a1; --line: #656c76; --paper: #0d1117; --node: #151b23; --edge: #12263a; }
}
.paper { fill: var(--paper); }
text { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: var(--ink);
  text-anchor: middle; dominant-baseline: central; }
.box text { font-size: 14px; }
.label text { font-size: 12px; fill: var(--soft); }
.label rect { fill: var(--paper); }
.shape { fill: var(--node); stroke: var(--line); stroke-width: 1.5; }
.input .shape, .output .shape { fill: var(--edge); }
.placed .shape { stroke-dasharray: 5 3; }
.edge { fill: none; stroke: var(--line); stroke-width: 1.5; }
.branch { stroke-dasharray: 2 4; stroke-linecap: round; }
.may_call { stroke-dasharray: 7 5; }
#arrow path { fill: var(--line); }
""".strip()


def svg(diagram: Diagram) -> str:
    """The topology as an SVG document that follows the reader's light or dark setting."""
    boxes = {node.id: _box_size(node) for node in diagram.nodes}
    labels = [_text_size(edge.label, _LABEL_FONT, 4) for edge in diagram.edges]
    placed = layout(diagram, boxes, labels)
    return "\n".join(_lines(diagram, placed)) + "\n"


def html(diagram: Diagram) -> str:
    """A page with the picture in it."""
    title = escape(diagram.title)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>\n:root {{ color-scheme: light dark; }}\n"
        "body { margin: 0; min-height: 100vh; display: grid; place-items: center; "
        "background: light-dark(#fff, #0d1117); }\n"
        f"svg {{ max-width: 100%; height: auto; }}\n</style>\n</head>\n<body>\n{svg(diagram)}</body>\n</html>\n"
    )


def _lines(diagram: Diagram, placed: Layout) -> Iterator[str]:
    width, height = _n(placed.size.width), _n(placed.size.height)
    title = escape(diagram.title)
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'role="img" aria-label="{title}">'
    )
    yield f"<title>{title}</title>"
    yield f"<style>\n{_STYLE}\n</style>"
    yield (
        '<defs><marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" '
        'orient="auto-start-reverse"><path d="M0 1 10 5 0 9z"/></marker></defs>'
    )
    yield f'<rect class="paper" width="{width}" height="{height}"/>'
    yield from (_edge(route) for route in placed.routes)
    yield from (_label(route) for route in placed.routes if route.label is not None)
    yield from (_box(node, item) for node, item in placed.boxes.values())
    yield "</svg>"


# --- boxes ---------------------------------------------------------------------------------------------------------


def _box_size(node: DiagramNode) -> Size:
    size = _text_size(node.label, _BOX_FONT, 14)
    return Size(size.width + (24 if node.kind == "switch" else 0), size.height + 6)


def _text_size(text: str, font: int, padding: float) -> Size:
    if not text:
        return Size(0, 0)
    lines = text.split("\n")
    return Size(max(map(len, lines)) * font * _ADVANCE + 2 * padding, len(lines) * font * _LINE + padding)


def _box(node: DiagramNode, item: Item) -> str:
    return f'<g class="box {node.kind}">{_shape(node, item)}{_text(node.label, item, _BOX_FONT)}</g>'


def _shape(node: DiagramNode, item: Item) -> str:
    width, height = item.size.width, item.size.height
    left, top = item.x - width / 2, item.y - height / 2
    if node.kind == "switch":
        points = [(left, item.y), (left + 16, top), (left + width - 16, top), (left + width, item.y)]
        points += [(left + width - 16, top + height), (left + 16, top + height)]
        return f'<polygon class="shape" points="{" ".join(f"{_n(x)},{_n(y)}" for x, y in points)}"/>'
    radius = height / 2 if node.kind in ("input", "output") and "\n" not in node.label else 5
    # A second box behind: there are many of these calls.
    behind = _rectangle(left + 4, top + 4, width, height, radius) if node.kind == "map" else ""
    return behind + _rectangle(left, top, width, height, radius)


def _rectangle(left: float, top: float, width: float, height: float, radius: float) -> str:
    place = f'x="{_n(left)}" y="{_n(top)}" width="{_n(width)}" height="{_n(height)}"'
    return f'<rect class="shape" {place} rx="{_n(radius)}"/>'


def _text(text: str, item: Item, font: int) -> str:
    lines = text.split("\n")
    top = item.y - (len(lines) - 1) * font * _LINE / 2
    rows = enumerate(lines)
    return "".join(f'<text x="{_n(item.x)}" y="{_n(top + i * font * _LINE)}">{escape(line)}</text>' for i, line in rows)


# --- arrows --------------------------------------------------------------------------------------------------------


def _edge(route: Route) -> str:
    start, *bends, end = route.items
    points = [(route.start_x, start.y + start.size.height / 2)]
    for bend in bends:
        half = bend.depth / 2
        points += [(bend.x, bend.y - half), (bend.x, bend.y + half)]
    points.append((route.end_x, end.y - end.size.height / 2))
    path = f"M{_n(points[0][0])} {_n(points[0][1])}"
    for (x1, y1), (x2, y2) in itertools.pairwise(points):
        middle = (y1 + y2) / 2
        path += f"C{_n(x1)} {_n(middle)} {_n(x2)} {_n(middle)} {_n(x2)} {_n(y2)}"
    return f'<path class="edge {route.edge.kind}" d="{path}" marker-end="url(#arrow)"/>'


def _label(route: Route) -> str:
    item = route.label
    assert item is not None
    left, top = item.x - item.size.width / 2, item.y - item.size.height / 2
    place = f'x="{_n(left)}" y="{_n(top)}" width="{_n(item.size.width)}" height="{_n(item.size.height)}"'
    return f'<g class="label"><rect {place}/>{_text(route.edge.label, item, _LABEL_FONT)}</g>'


def _n(value: float) -> str:
    """One decimal is finer than a screen, and the same on every machine."""
    return f"{value:.1f}".removesuffix(".0")
