"""What Python can see of a value, and values that are hard on a mesh: deep, many, or large once they are decoded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from meshgen import DAGDriver, InputNode, deployment, inline


@dataclass
class Tree:
    """Holds itself in all ways."""

    name: str = ""
    next: Tree | None = None
    items: list[Tree] = field(default_factory=list)
    named: dict[str, Tree] = field(default_factory=dict)


@dataclass
class Row:
    """One of many."""

    id: int = 0
    tags: dict[str, int] = field(default_factory=dict)


@deployment
class Maker:
    """Makes values."""

    def scores(self, text: str) -> dict[str, float]:
        """The best one first."""
        names = text.split()
        return {name: 1 - place / len(names) for place, name in enumerate(names)}

    def crops(self, count: int) -> NDArray[np.float32]:
        """As many arrays of four by four."""
        return np.ones((count, 4, 4), np.float32)

    def tree(self, depth: int, way: str) -> Tree:
        """So many in each other."""
        tree = Tree("leaf")
        for _ in range(depth):
            match way:
                case "items":
                    tree = Tree(items=[tree])
                case "named":
                    tree = Tree(named={"x": tree})
                case _:
                    tree = Tree(next=tree)
        return tree

    def nested(self, depth: int, way: str) -> Any:
        """Lists or dicts in each other."""
        value: Any = 0
        for _ in range(depth):
            value = [value] if way == "items" else {"x": value}
        return value


@deployment
class Taker:
    """Takes values."""

    def names(self, scores: dict[str, float]) -> list[str]:
        """In the order in which they came."""
        return list(scores)

    def keys(self, anything: Any) -> list[str]:
        """Those of a dict and of the dicts in it, in their order."""
        found = []
        for key, value in anything.items() if isinstance(anything, dict) else ():
            found += [key, *self.keys(value)]
        return found

    def same(self, anything: Any) -> Any:
        """As it came."""
        return anything

    def normalised(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """In place."""
        x -= 0.5
        x /= 2
        return x

    def means(self, x: NDArray[np.float32]) -> list[float]:
        """Of each array."""
        return [float(mean) for mean in x.mean(axis=(1, 2))]

    def depth(self, tree: Tree) -> int:
        """How many are in each other."""
        depth = 0
        while inner := [*([tree.next] if tree.next else []), *tree.items, *tree.named.values()]:
            depth, tree = depth + 1, inner[0]
        return depth

    def count(self, anything: Any, rows: list[Row], numbers: list[float]) -> int:
        """How many there are."""
        return len(anything or ()) + len(rows) + len(numbers)

    def pixels(self, picture: Image.Image) -> int:
        """How many it has."""
        return picture.width * picture.height


@inline
def halved(x: NDArray[np.float32]) -> list[float]:
    """In place, in the driver."""
    x /= 2
    return [float(x.max())]


@inline
def both(left: list[float], right: list[float]) -> list[float]:
    """Joins two branches."""
    return left + right


def _dot() -> Image.Image:
    return Image.new("L", (1, 1))


@dataclass
class Request:
    """Each route uses some of the fields."""

    text: str = ""
    count: int = 0
    way: str = "next"
    anything: Any = None
    tree: Tree = field(default_factory=Tree)
    rows: list[Row] = field(default_factory=list)
    numbers: list[float] = field(default_factory=list)
    array: NDArray[np.float32] = field(default_factory=lambda: np.zeros((1, 1, 1), np.float32))
    picture: Image.Image = field(default_factory=_dot)


with InputNode(Request, examples=[Request(count=2)]) as request:
    maker, taker = Maker.bind(), Taker.bind()
    scores = maker.scores.bind(request.text)
    crops = maker.crops.bind(request.count)
    app = DAGDriver.bind(
        {
            "/names": taker.names.bind(scores),
            "/scores": scores,
            "/keys": taker.keys.bind(request.anything),
            "/anything": taker.same.bind(request.anything),
            "/means": taker.means.bind(taker.normalised.bind(crops)),
            "/given": taker.normalised.bind(request.array),
            "/twice": both.bind(halved.bind(crops), halved.bind(crops)),
            "/given_twice": both.bind(halved.bind(request.array), halved.bind(request.array)),
            "/tree": maker.tree.bind(request.count, request.way),
            "/nested": maker.nested.bind(request.count, request.way),
            "/depth": taker.depth.bind(request.tree),
            "/count": taker.count.bind(request.anything, request.rows, request.numbers),
            "/pixels": taker.pixels.bind(request.picture),
        }
    )
