"""Schema values written by hand, and Hypothesis strategies for types with values of them."""

from __future__ import annotations

import dataclasses
import enum
import math
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, NamedTuple, NotRequired, TypedDict

import numpy as np
from hypothesis import strategies as st
from PIL import Image as PIL_Image

from meshgen.codec.rpc import Contracts, RpcCodec
from meshgen.contract.build import build
from meshgen.contract.model import Contract, RpcSpec, ServiceSpec
from meshgen.schema.model import (
    AnyValue,
    Choice,
    Container,
    EnumOf,
    Field,
    Image,
    ListOf,
    MapOf,
    Optional,
    Record,
    Ref,
    Scalar,
    Tensor,
    Type,
    Union,
    WellKnown,
)
from meshgen.schema.relate.exactness import class_of
from meshgen.schema.values.any_value import WHOLE_MAX
from meshgen.schema.values.standard_library import DURATION_MAX_S
from meshgen.schema.wire_names import element_name

BOOL, INT, FLOAT, STR, BYTES = (Scalar(k) for k in ("bool", "int", "float", "str", "bytes"))
INT32, FLOAT32 = Scalar("int32"), Scalar("float32")
DATETIME, TIMEDELTA, DATE = WellKnown("datetime"), WellKnown("timedelta"), WellKnown("date")
DECIMAL, UUID = WellKnown("Decimal"), WellKnown("UUID")
ANY = AnyValue()


class Color(enum.Enum):
    """A colour."""

    RED = "red"
    lightBlue = 7


class HTTPMode(enum.IntEnum):
    KEEP_ALIVE = 1
    OTHER = 5


@dataclasses.dataclass
class Label:
    label: str
    score: float = 0.5


class Point(NamedTuple):
    x: int
    y: int = 3


class Box(TypedDict):
    width: int
    height: int | None


class Note(TypedDict):
    text: str
    lang: NotRequired[str]
    extra: NotRequired[Any]


@dataclasses.dataclass
class Tree:
    """Holds itself."""

    value: int
    children: list[Tree] = dataclasses.field(default_factory=list)
    named: dict[str, Tree] = dataclasses.field(default_factory=dict)
    other: Tree | str | None = None


@dataclasses.dataclass
class Circle:
    radius: float


@dataclasses.dataclass
class Square:
    side: float


LABEL = Record(
    name="Label",
    kind="dataclass",
    python=Label,
    fields=(Field(name="label", type=STR), Field(name="score", type=FLOAT, default=0.5)),
)
POINT = Record(
    name="Point",
    kind="namedtuple",
    python=Point,
    fields=(Field(name="x", type=INT), Field(name="y", type=INT, default=3)),
)
BOX = Record(
    name="Box",
    kind="typeddict",
    python=Box,
    fields=(Field(name="width", type=INT), Field(name="height", type=Optional(INT))),
)

NOTE = Record(
    name="Note",
    kind="typeddict",
    python=Note,
    fields=(
        Field(name="text", type=STR),
        Field(name="lang", type=Optional(STR), omitted=True),
        Field(name="extra", type=Optional(ANY), omitted=True),
    ),
)
CIRCLE = Record(name="Circle", kind="dataclass", python=Circle, fields=(Field(name="radius", type=FLOAT),))
SQUARE = Record(name="Square", kind="dataclass", python=Square, fields=(Field(name="side", type=FLOAT),))
SHAPE = Union((CIRCLE, SQUARE))
TREE_REF = Ref("Tree", Tree, resolve=lambda: TREE)
TREE = Record(
    name="Tree",
    kind="dataclass",
    python=Tree,
    fields=(
        Field(name="value", type=INT),
        Field(name="children", type=ListOf(TREE_REF), factory=list),
        Field(name="named", type=MapOf(STR, TREE_REF), factory=dict),
        Field(name="other", type=Optional(Union((TREE_REF, STR))), default=None),
    ),
)


def pair(*items: Type, name: str = "IntStrTuple") -> Record:
    fields = tuple(Field(name=f"item_{i}", type=item) for i, item in enumerate(items))
    return Record(name=name, kind="tuple", python=tuple, fields=fields)


def enum_of(name: str, *members: str) -> EnumOf:
    python: Any = enum.Enum(name, members)  # type: ignore[misc]
    return EnumOf(python)


def params(**types: Type) -> tuple[Field, ...]:
    return tuple(Field(name=name, type=type_) for name, type_ in types.items())


def contract_of(
    fields: tuple[Field, ...] = (),
    result: Type = INT,
    record: Record | None = None,
    lock: Any = None,
    graph: str = "g",
) -> Contract:
    rpc = RpcSpec(name="Run", params=fields, request_record=record, result=result)
    return build(graph, [ServiceSpec(node="n", rpcs=(rpc,))], lock)


def codec_of(fields: tuple[Field, ...] = (), result: Type = INT, record: Record | None = None) -> RpcCodec:
    contract = contract_of(fields, result, record)
    contracts = Contracts(contract.descriptors.SerializeToString())
    return contracts.codec("g.n.v1.NService", "Run", fields, record, result)


def same(a: Any, b: Any) -> bool:
    """Equality in which NaN equals itself and arrays and images are compared whole."""
    match a:
        case float():
            return isinstance(b, float) and (a == b or (math.isnan(a) and math.isnan(b)))
        case Decimal():
            return isinstance(b, Decimal) and str(a) == str(b)
        case np.ndarray():
            return bool(a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes())
        case PIL_Image.Image():
            return (a.mode, a.size, a.tobytes()) == (b.mode, b.size, b.tobytes())
        case dict():
            return a.keys() == b.keys() and all(same(v, b[k]) for k, v in a.items())
        case list() | tuple():
            return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
        case _ if dataclasses.is_dataclass(a):
            return type(a) is type(b) and same(vars(a), vars(b))
        case _:
            return type(a) is type(b) and bool(a == b)


_INT = st.integers(-(1 << 63), (1 << 63) - 1)
_INT32 = st.integers(-(1 << 31), (1 << 31) - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
LONGEST = timedelta(seconds=DURATION_MAX_S)
_ZONES = st.sampled_from([UTC, timezone(timedelta(hours=-9, minutes=-30)), timezone(timedelta(hours=14))])
MOMENTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=_ZONES)
_PLAIN: list[tuple[Type, st.SearchStrategy[Any]]] = [
    (BOOL, st.booleans()),
    (INT, _INT),
    (INT32, _INT32),
    (STR, TEXT),
    (BYTES, st.binary(max_size=4)),
    (Choice(("a", "b")), st.sampled_from(["a", "b"])),
    (Choice((1, -2)), st.sampled_from([1, -2])),
    (EnumOf(Color), st.sampled_from(Color)),
    (EnumOf(HTTPMode), st.sampled_from(HTTPMode)),
    (DATETIME, MOMENTS),
    (TIMEDELTA, st.timedeltas(-LONGEST, LONGEST)),
    (DATE, st.dates()),
    (DECIMAL, st.decimals(allow_nan=False, allow_infinity=False)),
    (UUID, st.uuids()),
]
_PARTS = st.floats(allow_nan=False, allow_infinity=False).filter(lambda f: not f.is_integer() or abs(f) > WHOLE_MAX)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-WHOLE_MAX, WHOLE_MAX) | _PARTS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
_NOTES = st.fixed_dictionaries({"text": TEXT}, optional={"lang": TEXT, "extra": JSON_VALUES})
_TREES = st.recursive(
    st.builds(Tree, _INT),
    lambda tree: st.builds(
        Tree,
        _INT,
        st.lists(tree, max_size=2),
        st.dictionaries(TEXT, tree, max_size=2),
        st.none() | TEXT | tree,
    ),
    max_leaves=4,
)
_DTYPES = ["bool", "int8", "uint16", "int64", "uint64", "float16", "float32", "float64"]


@st.composite
def _arrays(draw: st.DrawFn, dtype: str | None) -> Any:
    kind = dtype or draw(st.sampled_from(_DTYPES))
    shape = draw(st.lists(st.integers(0, 3), max_size=3))
    return (np.arange(math.prod(shape)) % 2).astype(kind).reshape(shape)


@st.composite
def _images(draw: st.DrawFn) -> Any:
    mode = draw(st.sampled_from(["1", "L", "LA", "RGB", "RGBA", "I;16", "I", "F"]))
    return PIL_Image.new(
        mode, (draw(st.integers(0, 9)), draw(st.integers(0, 3))), 1 if mode in ("1", "L", "I", "F") else 0
    )


class _Types:
    """Draws types; records are numbered, so that no two have one name."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw
        self._tuples: dict[tuple[Type, ...], tuple[Record, st.SearchStrategy[Any]]] = {}
        self._records = 0

    def type(self, depth: int) -> tuple[Type, st.SearchStrategy[Any]]:
        kinds = ["plain", "float", "float32", "any", "note", "tree", "image", "tensor"]
        kinds += ["optional", "list", "set", "map", "record", "tuple", "union", "union"] if depth else []
        kind = self._draw(st.sampled_from(kinds))
        if kind == "optional":
            item, values = self.type(depth - 1)
            return (item, values) if isinstance(item, Optional | AnyValue) else (Optional(item), st.none() | values)
        if kind == "list":
            item, values = self.type(depth - 1)
            container: Container = self._draw(st.sampled_from(["list", "tuple"]))
            lists = st.lists(values, max_size=3)
            return ListOf(item, container), lists.map(tuple) if container == "tuple" else lists
        if kind == "set":
            item, values = self._draw(st.sampled_from(_PLAIN))
            return ListOf(item, "frozenset"), st.frozensets(values, max_size=3)
        if kind == "map":
            key, keys = self._draw(st.sampled_from([(STR, TEXT), (INT, _INT), (BOOL, st.booleans())]))
            item, values = self.type(depth - 1)
            return MapOf(key, item), st.dictionaries(keys, values, max_size=3)
        if kind in ("record", "tuple"):
            return self._record(kind, depth)
        return self._union(depth) if kind == "union" else self._leaf(kind)

    def _union(self, depth: int) -> tuple[Type, st.SearchStrategy[Any]]:
        """Of members that reflection lets stand together: of different names and classes."""
        members: dict[str, tuple[Type, st.SearchStrategy[Any]]] = {}
        classes: set[Any] = set()
        for _ in range(self._draw(st.integers(2, 4))):
            item, values = self.type(depth - 1)
            cls = class_of(item)
            if not isinstance(item, Optional | AnyValue | Union) and cls not in classes:
                members.setdefault(element_name(item), (item, values))
                classes.add(cls)
        kept = list(members.values())
        if len(kept) < 2:
            return kept[0] if kept else self._leaf("plain")
        return Union(tuple(t for t, _ in kept)), st.one_of(v for _, v in kept)

    def _leaf(self, kind: str) -> tuple[Type, st.SearchStrategy[Any]]:
        if kind == "float":
            return FLOAT, st.floats()
        if kind == "float32":
            return FLOAT32, st.floats(width=32)
        if kind == "any":
            return ANY, JSON_VALUES
        if kind == "note":
            return NOTE, _NOTES
        if kind == "tree":
            return TREE, _TREES
        if kind == "image":
            return Image(), _images()
        if kind == "tensor":
            dtype = self._draw(st.sampled_from([None, "float32", "int64"]))
            return Tensor("numpy", dtype), _arrays(dtype)
        plain: tuple[Type, st.SearchStrategy[Any]] = self._draw(st.sampled_from(_PLAIN))
        return plain

    def _record(self, kind: str, depth: int) -> tuple[Type, st.SearchStrategy[Any]]:
        self._records += 1
        name = f"Rec{self._records}"
        drawn = [self.type(depth - 1) for _ in range(self._draw(st.integers(0, 3)))]
        if kind == "tuple":
            items = tuple(t for t, _ in drawn)  # tuples of the same items are one type, so they have one name
            made = pair(*items, name=f"{name}Tuple"), st.tuples(*(v for _, v in drawn))
            return self._tuples.setdefault(items, made)
        names = [f"f_{i}" for i in range(len(drawn))]
        python = dataclasses.make_dataclass(name, names)
        fields = tuple(Field(name=n, type=t) for n, (t, _) in zip(names, drawn, strict=True))
        values = st.builds(python, **{n: v for n, (_, v) in zip(names, drawn, strict=True)})
        return Record(name=name, kind="dataclass", python=python, fields=fields), values


@st.composite
def typed_fields(draw: st.DrawFn) -> tuple[tuple[Field, ...], dict[str, Any]]:
    """Fields, and a value for each."""
    types = _Types(draw)
    drawn = {f"p{i}": types.type(2) for i in range(draw(st.integers(1, 3)))}
    return params(**{n: t for n, (t, _) in drawn.items()}), {n: draw(v) for n, (_, v) in drawn.items()}
