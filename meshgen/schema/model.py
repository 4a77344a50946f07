"""Value types as a small closed union. Pure data.

A place that treats every member of `Type` in its own way matches on all of them and ends with `assert_never`, so that a
type checker names it when there is a new one. Others ask a trait (`schema.traits`), or have a default that suits any
type: equality, or leaving a value to somebody who knows it.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from meshgen.annotations import WIRE_NAME
from meshgen.schema.rules import NO_RULES, Rules
from meshgen.schema.unsupported import Home


class Missing(enum.Enum):
    """The type of `MISSING`: no default was written."""

    MISSING = "MISSING"

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing.MISSING

CONTAINERS: Final[dict[str, type[Any]]] = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}

ScalarKind: TypeAlias = Literal["bool", "int", "float", "str", "bytes", "int32", "float32"]
Container: TypeAlias = Literal["list", "tuple", "set", "frozenset"]
RecordKind: TypeAlias = Literal["dataclass", "pydantic", "namedtuple", "typeddict", "tuple"]

SCALARS: Final[Mapping[ScalarKind, type[Any]]] = {
    "bool": bool,
    "int": int,
    "float": float,
    "str": str,
    "bytes": bytes,
    "int32": int,
    "float32": float,
}
"""What the values of each kind are in Python."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """A Python `bool`, `int` (64 bits on the wire), `float` (IEEE 754 double), `str` or `bytes`.

    `int32` and `float32` are `Annotated[int, Int32]` and `Annotated[float, Float32]`: narrow because somebody said so.
    """

    kind: ScalarKind
    rules: Rules = field(default=NO_RULES, compare=False)

    def __str__(self) -> str:
        return self.kind.removesuffix("32")


@dataclass(frozen=True, slots=True)
class WellKnown:
    """A class of the standard library that travels as it is: an aware `datetime`, `timedelta`, `date`, `UUID`."""

    kind: str
    """The name of a row in `values.well_known.KINDS`."""
    rules: Rules = field(default=NO_RULES, compare=False)

    def __str__(self) -> str:
        return self.kind


@dataclass(frozen=True, slots=True)
class AnyValue:
    """`Any`: what JSON can hold (None, bool, numbers as doubles, str, lists, dicts of str), `google.protobuf.Value`."""

    def __str__(self) -> str:
        return "Any"


@dataclass(frozen=True, slots=True)
class Nothing:
    """`None` as a result: the empty message."""

    def __str__(self) -> str:
        return "None"


@dataclass(frozen=True, slots=True)
class Unknown:
    """No annotation, or one that has no contract. Runs in process; cannot be built."""

    annotation: str = ""
    """The annotation as written; empty when there is none."""
    reason: str = field(default="", compare=False)
    """Why the annotation has no contract; empty when there is none."""
    hint: str = field(default="", compare=False)
    """The way out."""
    home: Home | None = field(default=None, compare=False)
    """The class that is at fault, if it is one."""

    def __str__(self) -> str:
        return self.annotation or "?"


@dataclass(frozen=True, slots=True)
class Choice:
    """`Literal["a", "b"]` or `Literal[1, 2]`: a string or an int64 on the wire. The values are of one kind."""

    values: tuple[str, ...] | tuple[int, ...]

    @property
    def scalar(self) -> Scalar:
        """What carries it."""
        return Scalar("str" if isinstance(self.values[0], str) else "int")

    def __str__(self) -> str:
        return f"Literal[{', '.join(map(repr, self.values))}]"


@dataclass(frozen=True, slots=True)
class EnumOf:
    """A subclass of `enum.Enum`; members travel by name."""

    python: type[enum.Enum]

    @property
    def name(self) -> str:
        """Class name, or what `@wire_name` says."""
        name: str = self.python.__dict__.get(WIRE_NAME, self.python.__name__)
        return name

    def __str__(self) -> str:
        return self.python.__name__


@dataclass(frozen=True, slots=True)
class Optional:
    """`T | None`. `item` is never `Optional` nor `Nothing`."""

    item: Type

    def __str__(self) -> str:
        return f"{self.item} | None"


@dataclass(frozen=True, slots=True)
class Union:
    """`A | B`: a value of exactly one of the members, which are two or more, never `Optional`, `Nothing` or `Union`.

    No two members have one name on the wire, and a Python value shows which member it is of.
    """

    members: tuple[Type, ...]

    def __str__(self) -> str:
        return " | ".join(map(str, self.members))


@dataclass(frozen=True, slots=True)
class ListOf:
    """A homogeneous sequence or set."""

    item: Type
    container: Container = "list"
    rules: Rules = field(default=NO_RULES, compare=False)
    abstract: bool = field(default=False, compare=False, repr=False)
    """Written as `Sequence`, `Collection` or `Set`: values of other classes are given, one of `container` arrives."""

    def __str__(self) -> str:
        return f"tuple[{self.item}, ...]" if self.container == "tuple" else f"{self.container}[{self.item}]"

    @property
    def python(self) -> type[Any]:
        """The class of what arrives; called without arguments it makes an empty one."""
        return CONTAINERS[self.container]


@dataclass(frozen=True, slots=True)
class MapOf:
    """A `dict`. Keys are str, int or bool."""

    key: Scalar
    value: Type
    rules: Rules = field(default=NO_RULES, compare=False)

    def __str__(self) -> str:
        return f"dict[{self.key}, {self.value}]"

    @property
    def python(self) -> type[Any]:
        """The class of what arrives; called without arguments it makes an empty one."""
        return dict


@dataclass(frozen=True, slots=True)
class Image:
    """A `PIL.Image.Image`: mode, size and raw pixels on the wire."""

    def __str__(self) -> str:
        return "Image"


@dataclass(frozen=True, slots=True)
class Tensor:
    """A `numpy.ndarray` or `torch.Tensor`: dtype, shape and raw little-endian C-order bytes on the wire."""

    library: Literal["numpy", "torch"]
    dtype: str | None = None
    """numpy's dtype name when the annotation gives one (`NDArray[np.float32]`), else None."""
    shape: tuple[int | None, ...] | None = field(default=None, compare=False)
    """Length of each dimension, None for one of any length; None when the annotation says nothing."""

    def __str__(self) -> str:
        name = "ndarray" if self.library == "numpy" else "torch.Tensor"
        return f"{name}[{self.dtype}]" if self.dtype else name


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A named value: a field of a record, or a parameter of a method."""

    name: str
    type: Type
    default: Any = field(default=MISSING, compare=False)
    """The default value; `MISSING` when there is none, or when `factory` makes it."""
    factory: Callable[[], Any] | None = field(default=None, compare=False)
    doc: str = field(default="", compare=False)
    renamed_from: str = field(default="", compare=False)
    """The name of before (`Annotated[int, RenamedFrom("old")]`); empty when there is none."""
    omitted: bool = field(default=False, compare=False)
    """A `NotRequired` key of a TypedDict: absent on the wire, it is no key of the dict. `type` is `Optional`."""
    examples: tuple[Any, ...] = field(default=(), compare=False, repr=False)
    """What the user gives as examples of it, in Python or as JSON has it; not checked."""

    @property
    def required(self) -> bool:
        """A caller must send it: no default, and absence means nothing by itself (as for lists, dicts and None)."""
        return not self.has_default and not isinstance(self.type, Optional | ListOf | MapOf)

    @property
    def has_default(self) -> bool:
        """A default was written."""
        return self.default is not MISSING or self.factory is not None

    def make_default(self) -> Any:
        """The value that stands for an absent field. Only for fields that are not `required`."""
        if self.factory is not None:
            return self.factory()
        if self.default is not MISSING:
            return self.default
        return self.type.python() if isinstance(self.type, ListOf | MapOf) else None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Record:
    """A dataclass, pydantic model, NamedTuple, TypedDict, or a fixed `tuple[A, B]`.

    Two records are the same type when they are the same Python class with the same type arguments (for a tuple: the
    same items), with the same rules and shapes in them.
    """

    name: str
    """Name of the message: the class name (`Box[int]` → `BoxInt`), or what `@wire_name` says; for a tuple a name made
    of its items (`IntStrTuple`)."""
    kind: RecordKind
    python: Any
    """The class that `construct` calls."""
    fields: tuple[Field, ...]
    """The fields in the order of declaration. A tuple's fields are `item_0`, `item_1`…"""
    args: tuple[Type, ...] = ()
    """Type arguments of a generic class."""
    doc: str = ""

    @property
    def record(self) -> Record:
        """The record itself, as a `Ref` has it."""
        return self

    @property
    def _identity(self) -> tuple[Any, ...]:
        is_tuple = self.kind == "tuple"
        own = self.fields if is_tuple else self.python
        parts = [f.type for f in self.fields] if is_tuple else self.args
        # Rules and shapes are no part of a type's equality, but are enforced on what is inside of this one.
        return (self.kind, own, self.args, repr(parts) if parts else "")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Record) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    def __str__(self) -> str:
        if self.kind == "tuple":
            return f"tuple[{', '.join(str(f.type) for f in self.fields)}]"
        return _class_text(self)

    def field(self, name: str) -> Field | None:
        """The field of that name."""
        return next((f for f in self.fields if f.name == name), None)

    def construct(self, values: dict[str, Any]) -> Any:
        """A Python value from its fields, all given. Errors of the class itself pass through."""
        match self.kind:
            case "tuple":
                return tuple(values[f.name] for f in self.fields)
            case "pydantic":  # fields travel by name; one may have the alias that is another's name
                return self.python.model_validate(values, by_alias=False, by_name=True)
            case _:
                return self.python(**values)

    def get(self, value: Any, name: str) -> Any:
        """Field `name` of a Python value of this record.

        Raises:
            AttributeError, KeyError, IndexError: the value is not of this record.
        """
        match self.kind:
            case "typeddict":
                return value[name]
            case "tuple":
                if len(value) != len(self.fields):  # what is beyond the last one would be lost
                    raise IndexError(len(value))
                return value[int(name.removeprefix("item_"))]
            case _:
                return getattr(value, name)


@dataclass(frozen=True, slots=True)
class Ref:
    """A record inside itself (`Tree` in `children: list[Tree]`). It stands for `record`, which contains it."""

    name: str
    """Name of the record."""
    python: Any
    args: tuple[Type, ...] = ()
    resolve: Callable[[], Record] = field(kw_only=True, compare=False, repr=False)

    @property
    def record(self) -> Record:
        """The record that it refers to."""
        return self.resolve()

    def __str__(self) -> str:
        return _class_text(self)


def _class_text(record: Record | Ref) -> str:
    """A class as its user writes it: `Box[int]`."""
    name: str = record.python.__name__.partition("[")[0]  # pydantic has the arguments in it
    return f"{name}[{', '.join(map(str, record.args))}]" if record.args else name


Type: TypeAlias = (
    Scalar
    | WellKnown
    | AnyValue
    | Nothing
    | Unknown
    | Choice
    | EnumOf
    | Optional
    | Union
    | ListOf
    | MapOf
    | Image
    | Tensor
    | Record
    | Ref
)
