"""A graph whose types and names are hard on whoever writes a client for it."""

from __future__ import annotations

import dataclasses
import enum
import uuid
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, NamedTuple, NotRequired, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel
from pydantic import Field as Constrained
from typing_extensions import TypedDict

import meshgen
from meshgen import DAGDriver, InputNode, deployment

Day = date
T = TypeVar("T")


class Colour(enum.Enum):
    """Ends with a "quote\""""

    RED = "OTHER"
    GREEN = 2
    OTHER = (1, 2)


class Priority(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Size(enum.StrEnum):
    SMALL = "s"


class Weight(int, enum.Enum):
    HEAVY = 9


Dashed = enum.Enum("Dashed", {"a_b": 1, "class": 2})
Listed = enum.Enum("Listed", {"a": "x", "class": "y"}, type=str)


class Point(NamedTuple):
    x: float
    y: float = 0.0


class Extra(TypedDict):
    note: str
    votes: NotRequired[int]


class Label(BaseModel):
    """A label."""

    name: str = Constrained(min_length=1, description="What is seen.")
    score: Annotated[float, Constrained(ge=0, le=1)] = 0.5
    at: Point = Point(1.0)


@dataclasses.dataclass
class Circle:
    radius: float


@dataclasses.dataclass
class Ball:
    radius: float


@dataclasses.dataclass
class Tree:
    """A back\\slash."""

    name: str
    children: list[Tree] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Box(Generic[T]):
    item: T
    more: list[T] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Client:
    """Named like what the generated module imports; its fields are, too."""

    dataclass: int
    list: bool
    field: float = 0.5
    date: Day | None = None


@dataclasses.dataclass
class Everything:
    pair: tuple[int, str]
    table: dict[int, Label]
    mode: Literal["fast", "slow"]
    level: Literal[1, 2]
    shape: Circle | Ball
    maybe: int | str | None
    shapes: list[Circle | str]
    tree: Tree
    boxed: Box[int]
    named: Box[Label]
    when: datetime
    lasts: timedelta
    price: Decimal
    ident: uuid.UUID
    anything: Any
    table_of_any: dict[str, Any]
    gaps: list[int | None]
    rows: list[list[float]]
    client: Client
    extra: Extra
    dashed: Dashed
    listed: Listed
    priority: Priority
    size: Size
    weight: Weight
    narrow: Annotated[int, meshgen.Int32] = 7
    single: Annotated[float, meshgen.Float32] = 0.5
    list_: list[int] = dataclasses.field(default_factory=lambda: [1, 2])
    colour: Colour = Colour.RED
    series: tuple[float, ...] = (1.0,)
    words: frozenset[str] = frozenset({"b", "a"})
    label: Label = dataclasses.field(default_factory=lambda: Label(name="n"))
    solid: Circle | Ball = dataclasses.field(default_factory=lambda: Ball(2.0))
    since: datetime = datetime(2020, 1, 1, tzinfo=UTC)
    made: str = dataclasses.field(default_factory=lambda: str(uuid.uuid4()))
    keys: list[str] = dataclasses.field(default_factory=lambda: [str(uuid.uuid4())])
    picture: Image.Image | None = None
    tensor: NDArray[np.float32] | None = None
    shaped: Annotated[NDArray[np.int64], meshgen.TensorSpec(shape=(None, 2))] | None = None


@dataclasses.dataclass
class Request:
    value: Everything
    timeout_s: float
    class_: str = "x"
    metadata: str | None = "m"
    tags: list[str] = dataclasses.field(default_factory=lambda: ["a"])
    since: date = date(2020, 1, 2)


@dataclasses.dataclass
class Seen:
    timeout_s: float
    class_: str
    metadata: str | None
    tags: list[str]
    since: date


@deployment
def echo(value: Everything) -> Everything:
    return value


@deployment
def see(timeout_s: float, class_: str, metadata: str | None, tags: list[str], since: date) -> Seen:
    return Seen(timeout_s, class_, metadata, tags, since)


@deployment
def drop(text: str) -> None:
    raise meshgen.NotFound(f"no {text}")


@deployment
def pick(value: Everything) -> Circle | Ball:
    return value.shape


with InputNode(Request) as r:
    seen = see.bind(r.timeout_s, r.class_, r.metadata, r.tags, r.since)
    app = DAGDriver.bind(
        {"/list": echo.bind(r.value), "/close": drop.bind(r.class_), "/see": seen, "/import": pick.bind(r.value)}
    )
