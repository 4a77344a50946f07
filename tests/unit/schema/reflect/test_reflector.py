"""Annotations → schema."""

from __future__ import annotations

import collections
import datetime as dt
import decimal
import enum
import sys
import typing
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import InitVar, dataclass, field, make_dataclass
from typing import (
    Annotated,
    Any,
    ClassVar,
    Final,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    NotRequired,
    TypedDict,
    TypeVar,
)

import numpy as np
import pydantic
import pytest
import torch
import typing_extensions as te
from numpy.typing import NDArray
from PIL import Image as PilImage

from meshgen import Float32, Int32, RenamedFrom, TensorSpec, wire_name
from meshgen.schema.model import (
    AnyValue,
    Choice,
    EnumOf,
    Field,
    Image,
    ListOf,
    MapOf,
    Nothing,
    Optional,
    Record,
    Ref,
    Scalar,
    Tensor,
    Type,
    Union,
    Unknown,
    WellKnown,
)
from meshgen.schema.reflect.reflector import reflect, reflect_field

INT, FLOAT, STR, BOOL, BYTES = (Scalar(k) for k in ("int", "float", "str", "bool", "bytes"))
T = TypeVar("T")
S = TypeVar("S")


class Colour(enum.Enum):
    RED = 1


class Access(enum.Flag):
    READ = 1


class Empty(enum.Enum):
    pass


class Point(NamedTuple):
    x: float
    y: float = 0.0


class Options(TypedDict):
    depth: int


class More(Options, total=False):
    label: str
    size: te.Required[te.ReadOnly[int]]
    names: NotRequired[list[str]]


class MissingOrNone(TypedDict):
    depth: NotRequired[int | None]


@dataclass
class Base:
    """A documented record."""

    name: str
    tags: list[str] = field(default_factory=list)
    hidden: int = field(default=0, init=False)
    shared: ClassVar[int] = 1
    fixed: Final[int] = 2


@dataclass
class Derived(Base):
    more: int = 3


@dataclass(frozen=True)
class Frozen:
    x: int


Matrix = np.ndarray[tuple[Literal[3], int], np.dtype[np.uint8]]


class Model(pydantic.BaseModel):
    size: int
    ratio: float = pydantic.Field(default=0.5, ge=0)
    label: str = pydantic.Field(default_factory=lambda: "none", alias="LABEL")


@pydantic.dataclasses.dataclass
class Checked:
    size: int = pydantic.Field(gt=0)
    ratio: float = pydantic.Field(default=0.5)


class Root(pydantic.RootModel[list[int]]):
    pass


@dataclass
class Tree:
    children: list[Tree]
    named: dict[str, Tree | None]
    parent: te.Self | None = None


class ModelTree(pydantic.BaseModel):
    children: list[ModelTree] = []


@dataclass
class Endless:
    inner: Endless


@dataclass
class Left:
    right: Right


@dataclass
class Right:
    left: Left


@dataclass
class Folder:
    files: list[File]


@dataclass
class File:
    folder: Folder | None


@dataclass
class Box(Generic[T]):
    item: T
    next: Box[T] | None = None


@dataclass
class Pair(Box[S], Generic[S, T]):
    other: T | None = None


@dataclass
class IntBox(Box[int]):
    name: str = ""


class Row(NamedTuple, Generic[T]):
    cells: list[T]


class Keyed(TypedDict, Generic[T]):
    key: T


class KeyedByName(Keyed[str]):
    more: int


class Page(pydantic.BaseModel, Generic[T]):
    items: list[T]
    next: Page[T] | None = None


class IntPage(Page[int]):
    name: str


@dataclass
class Scaled:
    value: int
    factor: InitVar[int]


@dataclass
class Grows(Generic[T]):
    kids: list[Grows[list[T]]]


@dataclass
class Chain(Generic[T]):
    item: T
    links: list[Chain[T]]


@dataclass
class Misnamed:
    n: Annotated[int, RenamedFrom]


@dataclass
class Twice:
    n: Annotated[int, RenamedFrom("a"), RenamedFrom("b")]


@dataclass(init=False)
class Halved:
    half: float

    def __init__(self, whole: float) -> None:
        self.half = whole / 2


class Fixed(Base):
    def __init__(self) -> None:
        super().__init__(1)


class Doubled(Point):
    def __new__(cls, both: float) -> typing.Self:
        return super().__new__(cls, both, both)


class OfText(pydantic.BaseModel):
    n: int

    def __init__(self, text: str) -> None:
        super().__init__(n=int(text))


@pydantic.dataclasses.dataclass
class Aliased:
    n: int = pydantic.Field(alias="number")


@pydantic.dataclasses.dataclass(config={"validate_by_name": True, "validate_by_alias": True})
class ByName:
    n: int = pydantic.Field(alias="number")


class Open(pydantic.BaseModel):
    n: int

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)


@dataclass(init=False)
class Longhand:
    n: int

    def __init__(self, n: int, note: str = "") -> None:
        self.n = n


@dataclass
class Unseen:
    at: Nowhere  # noqa: F821


class Click(TypedDict):
    kind: Literal["click"]
    x: int


class Press(TypedDict):
    kind: Literal["press"]
    x: int


class Name(str):
    __slots__ = ()


class Names(list[str]):
    pass


class Session:
    pass


UserId = NewType("UserId", int)
Untyped = collections.namedtuple("Untyped", "x y")  # noqa: PYI024
Either = te.TypeAliasType("Either", int | str)
Both = te.TypeAliasType("Both", tuple[T, T], type_params=(T,))


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (int, INT),
        (UserId, INT),
        (Annotated[int, "positive"], INT),
        (Annotated[int, Int32], Scalar("int32")),
        (Annotated[int | None, Int32()], Optional(Scalar("int32"))),
        (list[Annotated[float, Float32]], ListOf(Scalar("float32"))),
        (typing.LiteralString, STR),
        (None, Nothing()),
        (int | None, Optional(INT)),
        (int | str, Union((INT, STR))),
        (str | int, Union((INT, STR))),
        (typing.Union[None, str, int], Optional(Union((INT, STR)))),  # noqa: UP007
        (Either | None, Optional(Union((INT, STR)))),
        (list[int | str], ListOf(Union((INT, STR)))),
        (UserId | int, INT),
        (str | Literal["a"], STR),  # noqa: PYI051
        (Literal["a"] | Literal["b"], Choice(("a", "b"))),  # noqa: PYI030
        (Colour | str, Union((EnumOf(Colour), STR))),
        (dt.datetime | dt.date, Union((WellKnown("date"), WellKnown("datetime")))),
        (list[int] | list[str], Union((ListOf(INT), ListOf(STR)))),
        (list[int], ListOf(INT)),
        (Sequence[int], ListOf(INT)),
        (Collection[int], ListOf(INT)),
        (set[str], ListOf(STR, "set")),
        (frozenset[str], ListOf(STR, "frozenset")),
        (set[tuple[int, ...]], ListOf(ListOf(INT, "tuple"), "set")),
        (set[Frozen | None], ListOf(Optional(reflect(Frozen)), "set")),
        (tuple[float, ...], ListOf(FLOAT, "tuple")),
        (list[list[float]], ListOf(ListOf(FLOAT))),
        (list[int | None], ListOf(Optional(INT))),
        (dict[str, int], MapOf(STR, INT)),
        (dict[str, int | None], MapOf(STR, Optional(INT))),
        (Mapping[int, list[str]], MapOf(INT, ListOf(STR))),
        (Colour, EnumOf(Colour)),
        (Literal["a", "b"], Choice(("a", "b"))),
        (Literal[1, 2], Choice((1, 2))),
        (Literal["a", None], Optional(Choice(("a",)))),  # noqa: PYI061
        (Literal["a", 1], Union((Choice((1,)), Choice(("a",))))),
        (dt.datetime, WellKnown("datetime")),
        (dt.timedelta, WellKnown("timedelta")),
        (dt.date, WellKnown("date")),
        (decimal.Decimal, WellKnown("Decimal")),
        (uuid.UUID, WellKnown("UUID")),
        (pydantic.AwareDatetime, WellKnown("datetime")),
        (Any, AnyValue()),
        (Any | None, Optional(AnyValue())),
        (dict[str, Any], MapOf(STR, AnyValue())),
        (list[Any | None], ListOf(AnyValue())),
        (np.ndarray, Tensor("numpy")),
        (NDArray[np.float32], Tensor("numpy", "float32")),
        (NDArray[Any], Tensor("numpy")),
        (torch.Tensor, Tensor("torch")),
        (PilImage.Image, Image()),
    ],
    ids=str,
)
def test_mapped(annotation: Any, expected: Type) -> None:
    assert reflect(annotation) == expected


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (np.ndarray[tuple[int, int], np.dtype[np.uint8]], Tensor("numpy", "uint8", (None, None))),
        (np.ndarray[tuple[Literal[3], int], np.dtype[Any]], Tensor("numpy", None, (3, None))),
        (NDArray[np.float64], Tensor("numpy", "float64")),
        (Annotated[NDArray[np.float64], TensorSpec(shape=(2,))], Tensor("numpy", "float64", (2,))),
        (Annotated[torch.Tensor, TensorSpec(torch.bfloat16, (None, 3))], Tensor("torch", "bfloat16", (None, 3))),
        (Annotated[np.ndarray, TensorSpec(np.int8)], Tensor("numpy", "int8")),
        (Annotated[np.ndarray, TensorSpec(shape=())], Tensor("numpy", None, ())),
        (Annotated[Matrix, TensorSpec(shape=(None, 4))], Tensor("numpy", "uint8", (3, 4))),
    ],
    ids=str,
)
def test_tensors_have_the_dtype_and_shape_of_their_annotation(annotation: Any, expected: Tensor) -> None:
    found = reflect(annotation)
    assert isinstance(found, Tensor)
    assert (found, found.shape) == (expected, expected.shape)


@pytest.mark.parametrize(
    ("annotation", "kind", "fields"),
    [
        (Point, "namedtuple", [("x", True), ("y", False)]),
        (Row[int], "namedtuple", [("cells", False)]),
        (Options, "typeddict", [("depth", True)]),
        (More, "typeddict", [("depth", True), ("label", False), ("size", True), ("names", False)]),
        (KeyedByName, "typeddict", [("key", True), ("more", True)]),
        (Base, "dataclass", [("name", True), ("tags", False), ("fixed", False)]),
        (Checked, "dataclass", [("size", True), ("ratio", False)]),
        (Model, "pydantic", [("size", True), ("ratio", False), ("label", False)]),
        (tuple[int, str], "tuple", [("item_0", True), ("item_1", True)]),
        (Both[str], "tuple", [("item_0", True), ("item_1", True)]),
    ],
    ids=str,
)
def test_records(annotation: Any, kind: str, fields: list[tuple[str, bool]]) -> None:
    record = reflect(annotation)
    assert isinstance(record, Record)
    assert (record.kind, [(f.name, f.required) for f in record.fields]) == (kind, fields)


def test_keys_that_may_be_missing_are_optional_and_omitted() -> None:
    fields = record_of(More).fields
    assert [(f.name, str(f.type), f.omitted) for f in fields] == [
        ("depth", "int", False),
        ("label", "str | None", True),
        ("size", "int", False),
        ("names", "list[str] | None", True),
    ]


def test_a_record_constructs_and_reads_its_values() -> None:
    cases: list[tuple[Any, dict[str, Any], Any]] = [
        (Point, {"x": 1.0, "y": 2.0}, Point(1.0, 2.0)),
        (Row[int], {"cells": [1]}, Row([1])),
        (Options, {"depth": 3}, {"depth": 3}),
        (Base, {"name": "n", "tags": [], "fixed": 2}, Base("n")),
        (Box[int], {"item": 1, "next": None}, Box(1)),
        (Model, {"size": 1, "ratio": 0.5, "label": "l"}, Model(size=1, LABEL="l")),
        (Page[int], {"items": [1], "next": None}, Page[int](items=[1])),
        (tuple[int, str], {"item_0": 1, "item_1": "a"}, (1, "a")),
    ]
    for annotation, values, expected in cases:
        record = record_of(annotation)
        made = record.construct(values)
        assert made == expected
        assert {f.name: record.get(made, f.name) for f in record.fields} == values


@pytest.mark.parametrize("cls", [ByName, Open, Longhand])
def test_a_class_may_construct_itself_as_long_as_it_takes_its_fields(cls: type) -> None:
    record = record_of(cls)
    assert [f.name for f in record.fields] == ["n"]
    assert record.construct({"n": 3}).n == 3


def test_only_a_docstring_that_a_person_wrote_counts() -> None:
    assert record_of(Base).doc == "A documented record."
    assert record_of(Derived).doc == ""
    assert record_of(Point).doc == ""
    assert record_of(Model).doc == ""


@pytest.mark.parametrize(
    ("annotation", "name", "shown", "fields"),
    [
        (Box[int], "BoxInt", "Box[int]", ["int", "Box[int] | None"]),
        (Box[list[str]], "BoxStrList", "Box[list[str]]", ["list[str]", "Box[list[str]] | None"]),
        (Box[Box[int]], "BoxBoxInt", "Box[Box[int]]", ["Box[int]", "Box[Box[int]] | None"]),
        (Pair[int, str], "PairIntStr", "Pair[int, str]", ["int", "Box[int] | None", "str | None"]),
        (IntBox, "IntBox", "IntBox", ["int", "Box[int] | None", "str"]),
        (Row[int], "RowInt", "Row[int]", ["list[int]"]),
        (Keyed[int], "KeyedInt", "Keyed[int]", ["int"]),
        (Page[int], "PageInt", "Page[int]", ["list[int]", "Page[int] | None"]),
        (IntPage, "IntPage", "IntPage", ["list[int]", "Page[int] | None", "str"]),
    ],
)
def test_generic_records_have_their_arguments_in(annotation: Any, name: str, shown: str, fields: list[str]) -> None:
    record = record_of(annotation)
    assert (record.name, str(record)) == (name, shown)
    assert [str(f.type) for f in record.fields] == fields


def test_a_generic_record_with_other_arguments_is_another_type() -> None:
    assert reflect(Box[int]) == reflect(Box[int])
    assert reflect(Box[int]) != reflect(Box[str])
    assert reflect(Box[int]) != reflect(Box[Annotated[int, pydantic.Field(ge=0)]])


def test_a_tuple_with_other_shapes_or_rules_inside_is_another_type() -> None:
    three, four = (Annotated[np.ndarray, TensorSpec(shape=(n,))] for n in (3, 4))
    assert reflect(tuple[three, int]) == reflect(tuple[three, int])
    assert reflect(tuple[three, int]) != reflect(tuple[four, int])
    assert reflect(tuple[list[three], int]) != reflect(tuple[list[four], int])
    assert reflect(tuple[tuple[three], int]) != reflect(tuple[tuple[four], int])
    assert reflect(tuple[Annotated[int, pydantic.Field(ge=0)]]) != reflect(tuple[int])


@pytest.mark.parametrize("cls", [Tree, ModelTree, Folder, File, Chain[Annotated[int, []]]], ids=str)
def test_a_record_inside_itself_is_a_reference_to_it(cls: type) -> None:
    record = record_of(cls)
    refs = list(references(record))
    assert refs
    assert all(ref.record == record for ref in refs)
    again = refs[0].record
    assert refs[0].record is again, "a reference is followed often, and reflected once"
    assert next(references(again)).record is again


def references(found: Any) -> Iterator[Ref]:
    if isinstance(found, Ref):
        yield found
    for inner in (getattr(found, name, ()) for name in ("fields", "type", "item", "value")):
        for each in inner if isinstance(inner, tuple) else [inner]:
            yield from references(each) if each != () else ()


def test_markers_of_fields_and_parameters() -> None:
    @dataclass
    class Renamed:
        score: Annotated[float, RenamedFrom("value"), te.Doc("How sure.")]

    globals()["Renamed"] = Renamed
    assert [(f.renamed_from, f.doc) for f in record_of(Renamed).fields] == [("value", "How sure.")]
    found = reflect_field("x", Annotated[int | None, RenamedFrom("y"), Int32], default=None)
    assert found == Field(name="x", type=Optional(Scalar("int32")))
    assert (found.renamed_from, found.default) == ("y", None)

    class Described(pydantic.BaseModel):
        score: Annotated[float, RenamedFrom("value")] = pydantic.Field(0.5, description="How sure.")

    assert [(f.renamed_from, f.doc, f.default) for f in record_of(Described).fields] == [("value", "How sure.", 0.5)]


@pytest.mark.parametrize("name", ["", " ", "a.b", 3, None])
def test_a_marker_has_the_name_of_a_field(name: Any) -> None:
    with pytest.raises(ValueError, match=r"RenamedFrom\(.*the name that the field had before"):
        RenamedFrom(name)
    with pytest.raises(ValueError, match="wire_name"):
        wire_name(name)


def test_a_wire_name_stays_when_a_class_is_renamed() -> None:
    @wire_name("Colour")
    class Shade(enum.Enum):
        RED = 1

    @wire_name("Crate")
    @dataclass(slots=True)
    class Carton(Generic[T]):
        item: T

    @dataclass
    class Inherited(Carton[int]):
        pass

    sys.modules[__name__].Carton = Carton  # type: ignore[attr-defined]
    assert EnumOf(Shade).name == "Colour"
    assert str(EnumOf(Shade)) == "Shade"
    assert (record_of(Carton[int]).name, str(reflect(Carton[int]))) == ("CrateInt", "Carton[int]")
    assert record_of(Inherited).name == "Inherited"
    with pytest.raises(ValueError, match="ASCII"):
        wire_name("größe")


def record_of(annotation: Any) -> Record:
    found = reflect(annotation)
    assert isinstance(found, Record), found
    return found


@pytest.mark.parametrize(
    ("annotation", "reason", "way_out"),
    [
        (object, "has no shape", "Any"),
        (list, "does not say what it holds", "list[…]"),
        (tuple[()], "does not say what it holds", ""),
        (dict[float, int], "keys of type float", "list of records"),
        (dict[Colour, int], "keys of type Colour", ""),
        ("Nowhere", "cannot be resolved", "Import"),
        (Unseen, "annotation cannot be resolved: name 'Nowhere'", "Import"),
        (list[Session], "holds `Session`, which has no contract", "dataclass"),
        (Callable[[int], str], "no contract", "function"),
        (complex, "no contract", "two floats"),
        (dt.time, "no contract", "timedelta"),
        (Iterator[int], "read once", "list"),
        (Name, "subclass of str", "NewType('Name', str)"),
        (Names, "subclass of list", "`list`"),
        (collections.OrderedDict[str, int], "subclass of dict", "`dict`"),
        (collections.deque[int], "no contract", "`list`"),
        (Untyped, "no annotation for `x`", "NamedTuple"),
        (Scaled, "`factor` (an InitVar)", "field"),
        (Root, "RootModel", "type of its root"),
        (Access, "is a Flag", "set"),
        (Empty, "without members", "one"),
        (Literal[Colour.RED], "members of an enum", "the enum itself"),
        (Literal[True], "bool", "`bool`"),
        (Literal[b"a"], "neither str nor int", ""),
        (Literal[1 << 70], "no message can carry", "64 bits"),
        (Endless, "itself as a part", "Endless | None"),
        (Grows[int], "contains `Grows` with other type arguments at every level", "same type arguments"),
        (Box[Annotated[int, []]], "unhashable type: 'list'", "a tuple for a list"),
        (Halved, "cannot be made from its fields: missing a required argument: 'whole'", "by name"),
        (Fixed, "cannot be made from its fields: got an unexpected keyword argument", "by name"),
        (Doubled, "cannot be made from its fields: missing a required argument: 'both'", "by name"),
        (OfText, "cannot be made from its fields: missing a required argument: 'text'", "by name"),
        (Aliased, "cannot be made from its fields: missing a required argument: 'number'", "validate_by_name"),
        (Left, "`right: Right` that has a field `left: Left` that has itself as a part", "Left | None"),
        (Box, "is generic, and nothing stands for T", "`Box[int]`"),
        (list[T], "type variable", "Name the type"),
        (MissingOrNone, "missing and may be None", "NotRequired"),
        (set[list[int]], "cannot hash", "tuples"),
        (set[Base], "cannot hash", "frozen dataclasses"),
        (list[int] | set[int], "two members called `int_list`", "dataclass"),
        (int | Annotated[int, Int32], "cannot tell apart", "dataclass"),
        (dict[str, int] | Options, "cannot tell apart", "dataclass"),
        (Options | More, "cannot tell apart", "dataclass"),
        (tuple[int, str] | tuple[int, ...], "cannot tell apart", "dataclass"),
        (tuple[int, *tuple[str, ...]], "another tuple unpacked", "`tuple[T, ...]`"),
        (tuple[te.Unpack[tuple[int, str]]], "another tuple unpacked", "Write out"),  # noqa: UP044
        (list[Annotated[int, RenamedFrom("q")]], "`int`, which is marked with RenamedFrom, but", "whole of"),
        (Annotated[int, RenamedFrom("q")] | None, "is no field by itself", '`Annotated[int | None, RenamedFrom("q")]`'),
        (Misnamed, "`n: int` that is marked with RenamedFrom and no name", 'RenamedFrom("old")'),
        (Twice, "`n: int` that is marked as renamed from 'a' and from 'b'", "last build"),
        (Any | int, "has Any among its members", "`Any` alone"),
        (np.ndarray | torch.Tensor, "two members called `tensor`", ""),
        (np.float32, "plain number", "Float32"),
        (NDArray[np.floating], "no single dtype", "np.float32"),
        (NDArray[np.str_], "dtype str", "float32"),
        (Annotated[NDArray[np.int8], TensorSpec("float32")], "is of int8 and is said to be of float32", "one dtype"),
        (Annotated[Matrix, TensorSpec(shape=())], "is of the shape (3, None) and is said to be of ()", "one shape"),
        (Annotated[Matrix, TensorSpec(shape=(4, None))], "is said to be of (4, None)", "one shape"),
        (Annotated[np.ndarray, TensorSpec(shape=(-1,))], "the shape (-1,)", "None for one of any length"),
        (Annotated[int, TensorSpec()], "is no tensor", "torch.Tensor"),
        (Annotated[str, Int32], "cannot be narrowed by Int32", "Annotated[int, Int32]"),
        (pydantic.NaiveDatetime, "no moment in time", "tzinfo"),
        (pydantic.HttpUrl, "class of pydantic", "`str`"),
        (pydantic.Base64Bytes, "decoded once more", "`bytes`"),
    ],
    ids=str,
)
def test_what_has_no_contract_says_why_and_the_way_out(annotation: Any, reason: str, way_out: str) -> None:
    found = reflect(annotation)
    assert isinstance(found, Unknown)
    assert reason in found.reason
    assert found.hint
    assert way_out in found.hint


@pytest.mark.parametrize(
    ("annotation", "apart"),
    [
        (Click | Press, True),
        (Click | Options, True),
        (int | bool, True),
        (int | float, True),
        (Box[int] | Box[str], True),
        (list[Click] | list[Press], True),
        (dict[str, int] | dict[int, int], True),
        (tuple[int, str] | tuple[str, int], True),
        (dict[str, int] | Click, False),
        (list[Any] | list[int], False),
    ],
    ids=str,
)
def test_members_of_a_union_are_told_apart(annotation: Any, apart: bool) -> None:
    assert isinstance(reflect(annotation), Union) is apart


def test_a_fault_deep_inside_names_the_field_and_the_type() -> None:
    @dataclass
    class Outer:
        rows: list[dict[str, complex]]

    found = reflect(Outer)
    assert isinstance(found, Unknown)
    assert found.reason == ("has a field `rows: list[dict[str, complex]]` that holds `complex`, which has no contract")


# --- a class in several places ----------------------------------------------------------------------------------------


@dataclass
class Branch:
    leaf: Leaf | None


@dataclass
class Leaf:
    branch: Branch | None


@dataclass
class Both:
    leaf: Leaf
    branch: Branch
    again: Branch


def test_a_class_is_what_it_is_beside_others_that_lead_to_it() -> None:
    """Inside of a leaf a branch refers back to the leaf; beside it, it holds one."""
    both = reflect(Both)
    assert isinstance(both, Record)
    leaf, branch, again = (f.type for f in both.fields)
    for found, cls in ((leaf, Leaf), (branch, Branch)):
        assert _shape(found) == _shape(reflect(cls))
    assert _shape(again) == _shape(branch)


def _shape(type_: Type) -> Any:
    match type_:
        case Record(name=name, fields=fields):
            return name, [(f.name, _shape(f.type)) for f in fields]
        case Optional(item=item):
            return "optional", _shape(item)
        case Ref(name=name):
            return "ref", name
        case _:
            return str(type_)


def test_a_class_is_looked_at_once() -> None:
    """Twenty levels of it would be a million looks."""
    inner: Any = int
    for level in range(20):
        inner = make_dataclass(f"Level{level}", [("a", inner), ("b", inner)])
    kind = reflect(inner)
    assert isinstance(kind, Record)
    assert kind.fields[0].type is kind.fields[1].type
