"""Boxes and arrows → coordinates: layers from top to bottom, no overlaps, few crossings.

Sugiyama's method in four steps: ranks by longest path; long arrows cut into one piece per rank, with the label as a
piece of its own so that it has room; order within a rank by the mean of the neighbours; positions by least squares that
keep order and distances. Everything is deterministic.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from meshgen.plan.model import Diagram, DiagramEdge, DiagramNode

_SWEEPS = 24
_GAP_X = 28.0
_GAP_Y = 26.0
_MARGIN = 24.0


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height in pixels."""

    width: float
    height: float


@dataclass(slots=True)
class Item:
    """Something with a place: a box, an edge's label, or a bend of an edge. `x` and `y` are its centre."""

    size: Size
    rank: int
    x: float = 0.0
    y: float = 0.0
    depth: float = 0.0
    """Height of the whole layer: arrows go straight through it, and turn between layers only."""


@dataclass(slots=True)
class Route:
    """An edge and the items it passes, from its source to its target."""

    edge: DiagramEdge
    items: list[Item]
    label: Item | None = None
    start_x: float = 0.0
    end_x: float = 0.0


@dataclass(slots=True)
class Layout:
    """Where everything is."""

    boxes: dict[str, tuple[DiagramNode, Item]] = field(default_factory=dict)
    routes: list[Route] = field(default_factory=list)
    size: Size = Size(0, 0)


_Beside = Mapping[str, Sequence[str]]


def layout(diagram: Diagram, boxes: Mapping[str, Size], labels: Sequence[Size]) -> Layout:
    """Places for all boxes, edges and labels.

    Args:
        diagram: what to place; its edges have no cycle.
        boxes: sizes of the nodes by id.
        labels: sizes of the labels by index of the edge; zero for none.
    """
    ranks = _ranks(diagram)
    result = Layout()
    for node in diagram.nodes:
        # Odd ranks are for labels.
        result.boxes[node.id] = (node, Item(boxes[node.id], 2 * ranks[node.id]))
    for edge, size in zip(diagram.edges, labels, strict=True):
        result.routes.append(_route(edge, size, result.boxes))
    layers = _layers(result)
    neighbours = _neighbours(result)
    _order(layers, neighbours)
    _place(layers, neighbours)
    result.size = _frame(layers, result)
    _dock(result)
    return result


def _ranks(diagram: Diagram) -> dict[str, int]:
    """Longest path from the top; then everything as low as it can go without moving others, but for the input."""
    before: dict[str, list[str]] = defaultdict(list)
    after: dict[str, list[str]] = defaultdict(list)
    for edge in diagram.edges:
        before[edge.target].append(edge.source)
        after[edge.source].append(edge.target)
    ranks = _longest_paths([node.id for node in diagram.nodes], before, after)
    kinds = {node.id: node.kind for node in diagram.nodes}
    lowest = max(ranks.values(), default=0)
    for node in sorted(kinds, key=lambda n: -ranks[n]):
        if kinds[node] == "output":
            ranks[node] = lowest
        elif kinds[node] != "input" and after[node] and not before[node]:
            ranks[node] = max(ranks[node], min(ranks[a] for a in after[node]) - 1)
    return ranks


def _longest_paths(ids: Sequence[str], before: _Beside, after: _Beside) -> dict[str, int]:
    """How many edges lead to each node at most; in a circle, counted from its first node."""
    ranks: dict[str, int] = {}
    open_edges = {node: len(before[node]) for node in ids}
    ready = [node for node in ids if not open_edges[node]]
    rest = iter(ids)
    while len(ranks) < len(ids):
        if not ready:
            ready = [next(node for node in rest if node not in ranks)]
        for node in ready:
            ranks[node] = 1 + max((ranks.get(b, -1) for b in before[node]), default=-1)
        below = [a for node in ready for a in after[node]]
        for node in below:
            open_edges[node] -= 1
        ready = [node for node in dict.fromkeys(below) if not open_edges[node] and node not in ranks]
    return ranks


def _route(edge: DiagramEdge, label: Size, boxes: Mapping[str, tuple[DiagramNode, Item]]) -> Route:
    start, end = boxes[edge.source][1], boxes[edge.target][1]
    bends = [Item(Size(8, 0), rank) for rank in range(start.rank + 1, end.rank)]
    route = Route(edge, [start, *bends, end])
    if label.width and bends:
        # Just above the target: there the arrows of a fan have parted.
        bends[-1].size = label
        route.label = bends[-1]
    return route


def _layers(result: Layout) -> list[list[Item]]:
    items: dict[int, list[Item]] = defaultdict(list)
    for _, item in result.boxes.values():
        items[item.rank].append(item)
    for route in result.routes:
        for bend in route.items[1:-1]:
            items[bend.rank].append(bend)
    return [items[rank] for rank in sorted(items)]


_Neighbours = dict[int, tuple[list[Item], list[Item]]]


def _neighbours(result: Layout) -> _Neighbours:
    """Items above and below each item, by its identity."""
    found: _Neighbours = defaultdict(lambda: ([], []))
    for route in result.routes:
        for upper, lower in zip(route.items, route.items[1:], strict=False):
            found[id(lower)][0].append(upper)
            found[id(upper)][1].append(lower)
    return found


def _order(layers: list[list[Item]], neighbours: _Neighbours) -> None:
    """The order with the fewest crossings among those that several starts lead to."""
    starts = [layers, [layer[::-1] if i % 4 > 1 else layer for i, layer in enumerate(layers)]]
    starts += [[layer[i % 3 :] + layer[: i % 3] for i, layer in enumerate(layers)]]
    found = (order for start in starts for side in (0, 1) for order in _sweeps(start, neighbours, side))
    best, fewest = list(layers), _crossings(layers, neighbours)
    while fewest and (order := next(found, None)) is not None:
        if (crossings := _crossings(order, neighbours)) < fewest:
            best, fewest = order, crossings
    layers[:] = best


def _sweeps(start: list[list[Item]], neighbours: _Neighbours, first: int) -> Iterator[list[list[Item]]]:
    """Sort each layer by the mean position of its neighbours, downwards and upwards in turn, while that leads on."""
    layers = start
    earlier: list[list[list[Item]]] = []
    for sweep in range(_SWEEPS):
        layers = _sweep(layers, neighbours, (sweep + first) % 2)
        yield layers
        if sweep > 1 and _same(layers, earlier[-2]):  # from here on the last two come again and again
            return
        earlier = [*earlier[-1:], layers]


def _sweep(start: list[list[Item]], neighbours: _Neighbours, side: int) -> list[list[Item]]:
    layers = [list(layer) for layer in start]
    for index in range(1, len(layers)) if side == 0 else range(len(layers) - 2, -1, -1):
        beside = _positions(layers[index - 1 if side == 0 else index + 1])
        own = _positions(layers[index])
        layers[index].sort(key=lambda item: _mean([beside[id(n)] for n in neighbours[id(item)][side]], own[id(item)]))
    _swap(layers, neighbours)
    return layers


def _same(one: list[list[Item]], other: list[list[Item]]) -> bool:
    # By identity: items are equal when they look alike.
    return all(a is b for mine, its in zip(one, other, strict=True) for a, b in zip(mine, its, strict=True))


def _positions(layer: Sequence[Item]) -> dict[int, int]:
    return {id(item): i for i, item in enumerate(layer)}


def _swap(layers: list[list[Item]], neighbours: _Neighbours) -> None:
    """Exchange two that stand side by side wherever that saves a crossing: of their own arrows, as others' stay."""
    for index, layer in enumerate(layers):
        above = _positions(layers[index - 1]) if index else {}
        below = _positions(layers[index + 1]) if index + 1 < len(layers) else {}
        ends = {
            id(item): (
                sorted(above[id(n)] for n in neighbours[id(item)][0]),
                sorted(below[id(n)] for n in neighbours[id(item)][1]),
            )
            for item in layer
        }
        for i in range(len(layer) - 1):
            left, right = ends[id(layer[i])], ends[id(layer[i + 1])]
            if sum(map(_inversions, right, left)) < sum(map(_inversions, left, right)):
                layer[i], layer[i + 1] = layer[i + 1], layer[i]


def _inversions(left: Sequence[int], right: Sequence[int]) -> int:
    """Crossings of the arrows of two items side by side, given where the arrows end, sorted."""
    if len(left) > len(right):
        return sum(len(left) - bisect_right(left, end) for end in right)
    return sum(bisect_left(right, end) for end in left)


def _crossings(layers: list[list[Item]], neighbours: _Neighbours) -> int:
    total = 0
    for upper, lower in itertools.pairwise(layers):
        position = _positions(lower)
        seen: list[int] = []
        for item in upper:
            ends = [position[id(n)] for n in neighbours[id(item)][1]]
            total += sum(len(seen) - bisect_right(seen, end) for end in ends)
            for end in ends:
                insort(seen, end)
    return total


def _mean(values: Sequence[float], default: float) -> float:
    return sum(values) / len(values) if values else default


def _place(layers: list[list[Item]], neighbours: _Neighbours) -> None:
    for layer in layers:
        _spread(layer, [0.0] * len(layer))
    for sweep in range(_SWEEPS):
        side = sweep % 2
        for layer in layers if side == 0 else reversed(layers):
            # Both sides count, the one that was just placed more.
            wanted = [_wish(item, neighbours[id(item)], side) for item in layer]
            _spread(layer, wanted)
    y = _MARGIN
    for layer in layers:
        height = max(item.size.height for item in layer)
        for item in layer:
            item.y, item.depth = y + height / 2, height
        y += height + _GAP_Y


def _wish(item: Item, around: tuple[list[Item], list[Item]], side: int) -> float:
    near = [n.x for n in around[side]]
    far = [n.x for n in around[1 - side]]
    if not near and not far:
        return item.x
    if not near or not far:
        return _mean(near or far, 0.0)
    return (2 * _mean(near, 0.0) + _mean(far, 0.0)) / 3


def _spread(layer: list[Item], wanted: Sequence[float]) -> None:
    """The positions nearest to the wanted ones that keep the order and the gaps (pool adjacent violators)."""
    offsets = [0.0]
    for left, right in itertools.pairwise(layer):
        offsets.append(offsets[-1] + (left.size.width + right.size.width) / 2 + _GAP_X)
    pools: list[tuple[float, int]] = []
    for value, offset in zip(wanted, offsets, strict=True):
        mean, count = value - offset, 1
        while pools and pools[-1][0] > mean:
            other, size = pools.pop()
            mean = (mean * count + other * size) / (count + size)
            count += size
        pools.append((mean, count))
    means = [mean for mean, count in pools for _ in range(count)]
    for item, mean, offset in zip(layer, means, offsets, strict=True):
        item.x = mean + offset


def _frame(layers: list[list[Item]], result: Layout) -> Size:
    items = [item for layer in layers for item in layer]
    left = min(item.x - item.size.width / 2 for item in items) - _MARGIN
    for item in items:
        item.x -= left
    width = max(item.x + item.size.width / 2 for item in items) + _MARGIN
    height = max(item.y + item.size.height / 2 for _, item in result.boxes.values()) + _MARGIN
    return Size(width, height)


def _dock(result: Layout) -> None:
    """Arrows meet a box side by side, in the order in which they come."""
    leaving, coming = defaultdict[int, list[Route]](list), defaultdict[int, list[Route]](list)
    for route in result.routes:
        leaving[id(route.items[0])].append(route)
        coming[id(route.items[-1])].append(route)
    for _, box in result.boxes.values():
        starts = sorted(leaving[id(box)], key=lambda r: r.items[1].x)
        for route, x in zip(starts, _docks(box, len(starts)), strict=True):
            route.start_x = x
        ends = sorted(coming[id(box)], key=lambda r: r.items[-2].x)
        for route, x in zip(ends, _docks(box, len(ends)), strict=True):
            route.end_x = x


def _docks(box: Item, count: int) -> list[float]:
    step = min(22.0, max(0.0, box.size.width - 36) / max(1, count - 1))
    return [box.x + (i - (count - 1) / 2) * step for i in range(count)]
