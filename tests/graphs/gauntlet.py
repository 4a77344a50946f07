"""Everything that a graph may hold, one route each, for the cases in `tests/conformance`."""

from __future__ import annotations

import asyncio
import enum
import time
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias

import numpy as np
from annotated_types import Le
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

import meshgen
from meshgen import DAGDriver, Handle, InputNode, TensorSpec, current_request, deployment, inline, map_each, switch


class Colour(enum.Enum):
    """Travels by name."""

    RED = "r"
    DARK_GREEN = "g"


class Point(NamedTuple):
    """A NamedTuple."""

    x: float
    y: float = 0.0


class Extra(TypedDict):
    """A TypedDict."""

    note: str
    votes: int


class Label(BaseModel):
    """A pydantic model."""

    name: str
    score: float = 0.5


@dataclass
class Everything:
    """One field per kind of value."""

    flag: bool
    count: int
    ratio: float
    text: str
    blob: bytes
    colour: Colour
    mode: Literal["fast", "slow"]
    maybe: int | None
    numbers: list[int]
    words: set[str]
    series: tuple[float, ...]
    pair: tuple[int, str]
    table: dict[str, float]
    by_id: dict[int, Label]
    point: Point
    extra: Extra
    label: Label
    labels: list[Label]
    rows: list[list[float]]
    nothing: Label | None = None
    size: int = 7
    tags: list[str] = field(default_factory=list)


Pairs: TypeAlias = Annotated[NDArray[np.float32], TensorSpec(shape=(None, 2))]


@dataclass
class Request:
    """What every route takes; each looks at its own part."""

    everything: Everything | None = None
    number: Annotated[float, Field(examples=[1.5])] = 0.0
    numbers: list[float] = field(default_factory=list)
    word: Annotated[str, Field(examples=["plus"])] = ""
    seconds: float = 0.0
    picture: Image.Image | None = None
    tensor: NDArray[np.float32] | None = None
    pairs: Pairs | None = None


@deployment
def echo(value: Everything | None) -> Everything:
    """Gives back what it gets."""
    if value is None:
        raise meshgen.InvalidArgument("everything is missing")
    return value


@deployment
def double(x: float) -> float:
    """Twice."""
    return 2 * x


@deployment
async def half(x: float) -> float:
    """Half, in async code."""
    await asyncio.sleep(0)
    return x / 2


@inline
def sign(x: float) -> str:
    """The selector of the switch."""
    return "minus" if x < 0 else "plus" if x > 0 else "zero"


@deployment
class Scale:
    """A class with two methods."""

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def __call__(self, x: float) -> float:
        """Scaled."""
        return self.factor * x

    async def shifted(self, x: float, by: float = 1.0) -> float:
        """Scaled and shifted."""
        return self.factor * x + by


@deployment
class Chooser:
    """Holds handles, and chooses at run time."""

    def __init__(self, models: dict[str, Handle[Scale]]) -> None:
        self.models = models

    async def __call__(self, word: str, x: float) -> list[float]:
        """The answers of one model, asked twice at once."""
        if word not in self.models:
            raise meshgen.NotFound(f"no model {word!r}")
        first = self.models[word].remote(x)
        second = self.models[word].shifted.remote(x, by=10.0)
        return [await first, await second]


@deployment
class SyncChooser:
    """The same in sync code."""

    def __init__(self, model: Handle[Scale]) -> None:
        self.model = model

    def __call__(self, x: float) -> float:
        """Waits for the handle in a thread."""
        return float(self.model.remote(x).result())


class OutOfStock(meshgen.NotFound):
    """A status of the user's own, with a constructor of its own."""

    def __init__(self, item: str) -> None:
        super().__init__(f"no {item} left", reason="OUT_OF_STOCK", metadata={"item": item})


@deployment(timeout_s=0.5)
class Shop:
    """Fails by a handle in the ways in which a node can."""

    def buy(self, item: str, number: Annotated[int, Le(9)] = 1) -> str:
        """Raises what the item says."""
        if item == "bug":
            raise KeyError("secret detail")
        if item == "status":
            raise OutOfStock("tea")
        if item == "violations":
            raise meshgen.InvalidArgument("no", violations=(meshgen.Violation("item", "is odd"),))
        if item == "end":
            raise SystemExit(3)
        if item == "slow":
            time.sleep(5)
        return item


@deployment
class Agent:
    """Between the customer and the shop."""

    def __init__(self, shop: Handle[Shop]) -> None:
        self.shop = shop

    async def buy(self, item: str) -> str:
        """Passes on what happens."""
        return str(await self.shop.buy.remote(item))


@deployment
class Customer:
    """Says what it is told of a failed call."""

    def __init__(self, shop: Handle[Shop], agent: Handle[Agent]) -> None:
        self.shop, self.agent = shop, agent

    async def buy(self, word: str) -> list[str]:
        """`bug`, `agent bug`, `many`."""
        who, _, item = word.rpartition(" ")
        try:
            if item == "many":
                return [await self.shop.buy.remote("tea", number=10)]
            if item == "surplus":
                return [await self.shop.buy.remote("tea", 1, 2)]
            return [await (self.agent if who else self.shop).buy.remote(item)]
        except meshgen.StatusError as error:
            return told(error)
        except TypeError as error:
            return ["TypeError", str(error)]

    def buy_in_sync_code(self, word: str) -> list[str]:
        """The same in a thread."""
        try:
            return [str(self.shop.buy.remote(word).result())]
        except meshgen.StatusError as error:
            return told(error)


def told(error: meshgen.StatusError) -> list[str]:
    """All that a caller can see of an error; how long a call had is not the same everywhere."""
    message = error.message.partition(" within ")[0]
    broken = [f"{v.field} {v.description}" for v in error.violations]
    return [type(error).__name__, error.code.name, message, error.node, error.reason, str(error.metadata), *broken]


@deployment
def statistics(numbers: list[float], pair: tuple[float, str], named: dict[str, float]) -> dict[str, float]:
    """Values from lists, tuples and dicts of nodes."""
    return {"sum": sum(numbers), pair[1]: pair[0], **named}


@deployment
def fail(word: str) -> str:
    """Raises the error that it is told to."""
    kinds = {cls.code.name: cls for cls in meshgen.StatusError.__subclasses__()}
    if word in kinds:
        raise kinds[word](f"told to raise {word}")
    if word == "bug":
        raise ValueError("secret detail")
    if word == "wrong type":
        return 5  # type: ignore[return-value]  # the point of the case
    return word


@deployment
async def sleep(seconds: float) -> float:
    """Takes its time in async code."""
    await asyncio.sleep(seconds)
    return seconds


@deployment
def block(seconds: float) -> float:
    """Takes its time in a thread."""
    time.sleep(seconds)
    return seconds


@deployment
def invert(picture: Image.Image | None) -> Image.Image:
    """A picture in, a picture out."""
    if picture is None:
        raise meshgen.InvalidArgument("picture is missing")
    return picture.point(lambda v: 255 - v)


@deployment
def size_of(picture: Image.Image) -> list[int]:
    """What arrived."""
    return [*picture.size, *picture.getpixel((0, 0))]  # type: ignore[misc]  # an RGB picture has tuples


@deployment
def cumulate(tensor: NDArray[np.float32] | None) -> NDArray[np.float32]:
    """A tensor in, a tensor out."""
    if tensor is None:
        raise meshgen.InvalidArgument("tensor is missing")
    return np.cumsum(tensor, axis=-1, dtype=np.float32)


@deployment
def total(tensor: NDArray[np.float32]) -> float:
    """What arrived."""
    return float(tensor.sum())


@deployment
def swap(pairs: Pairs | None) -> Pairs:
    """A tensor whose shape is said; without one a result that does not fit."""
    return np.zeros(3, np.float32) if pairs is None else pairs[:, ::-1]


@deployment
def quiet(word: str) -> None:
    """Returns nothing."""


@deployment
def whoami(word: str) -> dict[str, str]:
    """What a node knows of its request."""
    request = current_request()
    remaining = request.remaining()
    return {
        "graph": request.graph,
        "route": request.route,
        "node": str(request.node),
        "traced": str(len(request.trace_id) == 32),
        "limited": str(remaining is not None and 0 < remaining <= 60),
        "client": request.metadata.get("x-client", ""),
    }


PLACES = {
    "driver": (double, half, statistics, invert, size_of, cumulate, total, swap, quiet, whoami),
    "with:echo": (fail, sleep, block),
    "with:chooser": (Scale, SyncChooser),
    "with:customer": (Shop, Agent),
    "own": (echo, Customer),
}
"""Where the nodes run in the graph with few replicas."""


def bound(*, placed: bool) -> Any:
    """The graph, with every node in replicas of its own or most of them in those of others."""
    at = {node: node.options(placement=where) if placed else node for where, nodes in PLACES.items() for node in nodes}
    with InputNode(Request) as request:
        plus, minus = (at[Scale].options(name=f"scale_{n}").bind(f) for n, f in (("plus", 2.0), ("minus", -3.0)))
        doubled = at[double].bind(request.number)
        shop = at[Shop].bind()
        customer = at[Customer].bind(shop, at[Agent].bind(shop))
        halved = at[half].bind(request.number)
        statistic = at[statistics].bind([request.number, doubled], (halved, "half"), {"plus": plus.bind(doubled)})
        return DAGDriver.bind(
            {
                "/echo": at[echo].bind(request.everything),
                "/diamond": statistic,
                "/into-dict": at[half].bind(statistic["sum"]),
                "/switch": switch(
                    sign.bind(request.number), {"plus": plus.bind(request.number), "minus": minus.bind(doubled)}
                ),
                "/default": switch(request.word, {"a": doubled}, default=request.number),
                "/map": map_each(
                    plus.shifted, over=request.numbers, max_concurrency=2, by=at[half].bind(request.number)
                ),
                "/index": at[double].bind(request.numbers[2]),
                "/handles": Chooser.bind({"plus": plus, "minus": minus}).bind(request.word, request.number),
                "/sync-handle": at[SyncChooser].bind(plus).bind(request.number),
                "/told": customer.buy.bind(request.word),
                "/told-sync": customer.buy_in_sync_code.bind(request.word),
                "/fail": at[quiet].bind(at[fail].bind(request.word)),
                "/join": at[statistics].bind([at[sleep].bind(0.01)], (doubled, at[fail].bind(request.word)), {}),
                "/sleep": at[sleep].bind(request.seconds),
                "/block": at[block].bind(request.seconds),
                "/picture": at[size_of].bind(at[invert].bind(request.picture)),
                "/tensor": at[total].bind(at[cumulate].bind(request.tensor)),
                "/pairs": at[swap].bind(request.pairs),
                "/quiet": at[quiet].bind(request.word),
                "/whoami": at[whoami].bind(request.word),
            }
        )


app = bound(placed=False)
fused = bound(placed=True)
