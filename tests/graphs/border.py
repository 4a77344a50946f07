"""Types and rules that go through the border of a mesh, for the cases in `tests/conformance`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Generic, Literal, NotRequired, TypeVar
from uuid import UUID

from annotated_types import Ge, Gt, Le, Len, MaxLen, MinLen, MultipleOf
from pydantic import BaseModel, Field, JsonValue
from typing_extensions import TypedDict

from meshgen import DAGDriver, Float32, InputNode, Int32, deployment

T = TypeVar("T")


@dataclass
class Circle:
    """A member of a union."""

    radius: float


@dataclass
class Square:
    """Another one."""

    side: float


@dataclass
class Tree:
    """Holds itself."""

    value: int
    children: list[Tree] = field(default_factory=list)
    named: dict[str, Tree] = field(default_factory=dict)


@dataclass
class Box(Generic[T]):
    """One message for each argument."""

    item: T


class Note(TypedDict):
    """A key that may be missing."""

    text: str
    lang: NotRequired[str]


@dataclass
class Values:
    """One field per kind of value."""

    shape: Circle | Square
    shapes: list[Circle | Square | str]
    by_name: dict[str, int | list[int]]
    at: datetime
    took: timedelta
    day: date
    price: Decimal
    key: UUID
    anything: Any
    table: dict[str, Any]
    row: list[Any]
    tree: Tree
    box: Box[int]
    boxes: list[Box[str]]
    note: Note
    narrow: Annotated[int, Int32]
    single: Annotated[float, Float32]
    level: Literal[1, 2, 3]
    numbers: list[int | None]
    tags: set[str]
    moments: dict[str, datetime]
    maybe: int | str | None = None


class Item(BaseModel):
    """Pydantic checks its own fields, in its own words."""

    name: str = Field(min_length=2)


@dataclass
class Limits:
    """One rule of each kind."""

    count: Annotated[int, Ge(0), Le(10)]
    ratio: Annotated[float, Gt(0)]
    step: Annotated[int, MultipleOf(5)]
    word: Annotated[str, MaxLen(3)]
    code: Annotated[str, Field(pattern="^[a-z]+$")]
    names: Annotated[list[Annotated[str, MinLen(1)]], Len(1, 2)]
    unique: set[int]
    size: Annotated[int, Ge(1)] | str
    scores: dict[str, Annotated[float, Ge(0)]]
    level: Annotated[int, Ge(5)] = 0


@dataclass
class Names:
    """Names that are not in snake case."""

    sendFileDir: str
    linkID: int
    CIR: int
    _id: str
    trailing_: int
    a__b: int
    x1: list[str]
    byKey: dict[str, int]
    aShape: Circle | Square
    maybeB: Annotated[int, Ge(1)] | None = None


class Severity(IntEnum):
    """Values in another order than that of the members, one that is no number of protobuf, and an alias."""

    CRITICAL = 3
    WARNING = 2
    INFO = 1
    OFF = 0
    FATAL = 3


class Weather(Enum):
    """Values that are no numbers."""

    SUN = "sun"
    RAIN = "rain"


@dataclass
class Alert:
    """Members, alone and in a list."""

    severity: Severity
    others: list[Severity] = field(default_factory=list)
    weather: Weather = Weather.SUN


class Tool(BaseModel):
    """JSON of any shape."""

    name: str
    arguments: dict[str, JsonValue] = {}


@dataclass
class Request:
    """What every route takes; each looks at its own part."""

    values: Values | None = None
    limits: Limits | None = None
    item: Item | None = None
    number: int = 0
    theNames: Names | None = None
    alert: Alert | None = None
    tool: Tool | None = None


@deployment
def echo(values: Values | None) -> Values | None:
    """Gives back what it gets."""
    return values


@deployment
def strict(number: Annotated[int, Ge(0)]) -> int:
    """A node with a rule of its own."""
    return number


@deployment
def level(limits: Limits | None, item: Item | None) -> int:
    """What was left out is not held against a rule."""
    return limits.level if limits else -1


@deployment
def loose(number: int) -> dict[str, Any]:
    """`Any` as a result."""
    return {"number": number, "none": None, "list": [None, 1.5, {"deep": []}], "text": "ü"}


@deployment
def spell(theNames: Names | None) -> Names | None:
    """Gives back what it gets."""
    return theNames


@deployment
def ring(alert: Alert | None) -> dict[str, Any]:
    """What members are in Python."""
    if alert is None:
        return {}
    names = [member.name for member in alert.others]
    return {"value": int(alert.severity), "others": names, "weather": alert.weather.value}


@deployment
def use(tool: Tool | None) -> JsonValue:
    """JSON of its own."""
    if tool is None:
        return None
    return {"name": tool.name, **tool.arguments}


with InputNode(Request) as request:
    app = DAGDriver.bind(
        {
            "/values": echo.bind(request.values),
            "/limits": level.bind(request.limits, request.item),
            "/strict": strict.bind(request.number),
            "/loose": loose.bind(request.number),
            "/names": spell.bind(request.theNames),
            "/alert": ring.bind(request.alert),
            "/tool": use.bind(request.tool),
        }
    )
