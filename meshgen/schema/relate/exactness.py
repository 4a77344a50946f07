"""How exactly a Python value is of a type: what chooses among the members of a union. Pure.

In this order: the value's own class, all the way down through containers, tuples and arguments of generic classes; the
nearest of its base classes; an int for a float; what only counts as one of the type (a number of numpy, a tuple for a
list, a bytearray for bytes); a number of numpy as an array of no dimensions. Between equals, such as an empty list, the
first by its name on the wire: both read it alike.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any, TypeAlias, assert_never

from meshgen.schema.classes import opened
from meshgen.schema.misfit import EncodeError
from meshgen.schema.model import (
    SCALARS,
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
from meshgen.schema.values.scalars import TO_SCALAR
from meshgen.schema.values.well_known import KINDS

_WIDENED, _LIKE, _LAST, _SURPLUS = 100, 200, 1_000, 10_000
"""Costs: an int for a float, something like a value of the type, what takes nearly anything, keys that would be lost.
A base class costs its distance."""

_Seen: TypeAlias = dict[tuple[int, int], tuple[int | None, Any]]
"""Identities of a value and a record → the cost, and the value, so that its identity stays its own. Records are in each
other, and unions in records; each is looked into once."""

_Cost: TypeAlias = Callable[[Any, _Seen], int | None]
"""0 for a value that is exactly of a type, more the less it is, None when it is not."""


@lru_cache(maxsize=512)
def member_finder(union: Union) -> Callable[[Any], int]:
    """A function from a value to the index of the member that it is of, -1 when it is of none.

    Takes time linear in the value's size, and none for a value whose class is that of one member alone.
    """
    by_class: dict[type[Any] | None, list[int]] = {}
    for index, member in enumerate(union.members):
        by_class.setdefault(class_of(member), []).append(index)
    # A class alone says that a value is of its only member; what is inside is looked at where it is written.
    alone = {cls: rows[0] for cls, rows in by_class.items() if len(rows) == 1}
    for member in union.members:
        if isinstance(member, Choice):
            alone.pop(class_of(member), None)
    compiling = _Costs()
    costs = [compiling.of(member) for member in union.members]

    def find(value: Any) -> int:
        index = alone.get(type(value), -1)
        if index >= 0:
            return index
        seen: _Seen = {}
        least: int | None = None
        for i, of in enumerate(costs):
            cost = of(value, seen)
            if cost is not None and (least is None or cost < least):
                index, least = i, cost
                if cost == 0:
                    break
        return index

    return find


def class_of(member: Type) -> type[Any] | None:
    """The class of every value of this type, but for subclasses; None when there is no such class to import."""
    match member:
        case Scalar(kind=kind):
            return SCALARS[kind]
        case WellKnown(kind=kind):
            return KINDS[kind].python
        case Choice():
            return type(member.values[0])
        case EnumOf(python=python) | ListOf(python=python) | MapOf(python=python):
            return python
        case Record() | Ref():
            record = member.record
            return dict if record.kind == "typeddict" else record.python
        case Image() | Tensor() | AnyValue() | Nothing() | Unknown() | Optional() | Union():
            return None
        case _:
            assert_never(member)


class _Costs:
    """Compiles a cost for each type."""

    def __init__(self) -> None:
        self._records: dict[Record, list[_Cost]] = {}

    def of(self, type_: Type) -> _Cost:  # noqa: C901 - one case per type
        match type_:
            case Scalar(kind=kind):
                return _scalar(kind)
            case WellKnown(kind=kind):
                return _instance(KINDS[kind].python, KINDS[kind].but)
            case Choice():
                return _choice(type_)
            case EnumOf(python=python):
                return _instance(python)
            case ListOf():
                return self._list(type_)
            case MapOf():
                return self._map(type_)
            case Record() | Ref():
                return self._record(type_.record)
            case Optional(item=item):
                cost = self.of(item)
                return lambda value, seen: 0 if value is None else cost(value, seen)
            case Union(members=members):
                return self._least(members)
            case Image():
                return lambda value, _: _steps_to("PIL", "Image", value)
            case Tensor():
                return _tensor(type_)
            case Nothing():
                return lambda value, _: 0 if value is None else None
            case AnyValue() | Unknown():
                return lambda *_: _LAST
            case _:
                assert_never(type_)

    def _least(self, members: Iterable[Type]) -> _Cost:
        costs = [self.of(m) for m in members]

        def cost(value: Any, seen: _Seen) -> int | None:
            return min((c for of in costs if (c := of(value, seen)) is not None), default=None)

        return cost

    def _list(self, type_: ListOf) -> _Cost:
        own, of = type_.python, self.of(type_.item)
        # The ordinary list of numbers or text is looked at without a call for each of them.
        plain = SCALARS[type_.item.kind] if isinstance(type_.item, Scalar) else None

        def cost(value: Any, seen: _Seen) -> int | None:
            outside = _container(value, own)
            if outside is None or (plain is not None and {plain}.issuperset(map(type, value))):
                return outside
            return _sum(outside, ((of, item) for item in value), seen)

        return cost

    def _map(self, type_: MapOf) -> _Cost:
        key, item = self.of(type_.key), self.of(type_.value)

        def cost(value: Any, seen: _Seen) -> int | None:
            if not isinstance(value, Mapping):
                return None
            outside = _steps(value, dict)
            pairs = (pair for k, v in value.items() for pair in ((key, k), (item, v)))
            return _sum(_LIKE if outside is None else outside, pairs, seen)

        return cost

    def _record(self, record: Record) -> _Cost:
        """Each record is compiled once, so that it may hold itself."""
        compiled = self._records.get(record)
        if compiled is None:
            compiled = self._records[record] = []
            outside = _outside(record)
            # The class, or the keys, tell records apart; what is in them only what was made for several types.
            looked_into = record.kind == "tuple" or bool(record.args)
            rows = [(f, self.of(f.type)) for f in record.fields] if looked_into else []
            compiled.append(_cost_of_record(record, outside, rows))
        return compiled[0] if compiled else lambda value, seen: compiled[0](value, seen)  # noqa: PLW0108 - empty yet


def _cost_of_record(record: Record, outside: Callable[[Any], int | None], rows: list[tuple[Field, _Cost]]) -> _Cost:
    if not rows:
        return lambda value, _: outside(value)

    def inside(value: Any, seen: _Seen) -> int | None:
        cost = outside(value)
        if cost is None:
            return None
        there = [(f, of) for f, of in rows if not (f.omitted and f.name not in value)]
        try:
            return _sum(cost, [(of, record.get(value, f.name)) for f, of in there], seen)
        except (AttributeError, KeyError, IndexError):
            return None

    def once(value: Any, seen: _Seen) -> int | None:
        key = (id(value), id(record))
        if key not in seen:
            seen[key] = inside(value, seen), value
        return seen[key][0]

    return once


def _outside(record: Record) -> Callable[[Any], int | None]:
    match record.kind:
        case "tuple":
            count = len(record.fields)
            return lambda value: _steps(value, tuple) if isinstance(value, tuple) and len(value) == count else None
        case "typeddict":
            return _keys(record)
        case _:
            python, opener = record.python, opened(record.python).cls
            if python is opener:
                return lambda value: _steps(value, python)
            return lambda value: _first(_steps(value, python), _steps(value, opener))  # pydantic's `Box` for `Box[int]`


def _first(own: int | None, opener: int | None) -> int | None:
    return own if own is not None or opener is None else _LIKE + opener


def _keys(record: Record) -> Callable[[Any], int | None]:
    """The cost by the keys of a TypedDict, and its Literals; no other value is looked at."""
    known = {f.name for f in record.fields}
    required = {f.name for f in record.fields if not f.omitted}
    tags = [(f.name, f.type.values) for f in record.fields if isinstance(f.type, Choice)]

    def cost(value: Any) -> int | None:
        if not isinstance(value, dict) or not required <= value.keys():
            return None
        if any(name in value and not _is_one_of(value[name], values) for name, values in tags):
            return None
        return _steps(value, dict) if value.keys() <= known else _SURPLUS

    return cost


def _is_one_of(value: Any, values: tuple[Any, ...]) -> bool:
    return isinstance(value, type(values[0])) and not isinstance(value, bool) and value in values


def _container(value: Any, own: type[Any]) -> int | None:
    """What is like a container can be gone through more than once, and is no text."""
    if (steps := _steps(value, own)) is not None:
        return steps
    if isinstance(value, str | bytes | bytearray | memoryview | Mapping) or not isinstance(value, Collection):
        return None
    return _LIKE if getattr(value, "ndim", 1) else None  # an array of no dimensions only looks like one


def _sum(start: int, pairs: Iterable[tuple[_Cost, Any]], seen: _Seen) -> int | None:
    total = start
    for of, value in pairs:
        cost = of(value, seen)
        if cost is None:
            return None
        total += cost
    return total


def _steps(value: Any, cls: type[Any]) -> int | None:
    """How far a class is above that of a value; None when it is not."""
    own = type(value)
    if own is cls:
        return 0
    return own.__mro__.index(cls) if cls in own.__mro__ else None


def _steps_to(package: str, name: str, value: Any) -> int | None:
    """The same for a class that may not be imported."""
    rows = enumerate(type(value).__mro__)
    return next((i for i, c in rows if c.__name__ == name and c.__module__.split(".")[0] == package), None)


def _instance(cls: type[Any], but: tuple[type[Any], ...] = ()) -> _Cost:
    return lambda value, _: None if isinstance(value, but) else _steps(value, cls)


def _scalar(kind: Any) -> _Cost:
    cls, convert = SCALARS[kind], TO_SCALAR[kind]

    def cost(value: Any, _: _Seen) -> int | None:
        if type(value) is cls:
            return 0
        try:
            convert(value)
        except EncodeError:
            return None
        if (steps := _steps(value, cls)) is not None:
            return steps
        widened = _WIDENED if cls is float and hasattr(value, "__index__") else 0
        return widened if isinstance(value, int) else widened + _LIKE

    return cost


def _choice(choice: Choice) -> _Cost:
    of, convert = _scalar(choice.scalar.kind), TO_SCALAR[choice.scalar.kind]

    def cost(value: Any, seen: _Seen) -> int | None:
        found = of(value, seen)
        return found if found is not None and convert(value) in choice.values else None

    return cost


def _tensor(type_: Tensor) -> _Cost:
    name = "ndarray" if type_.library == "numpy" else "Tensor"

    def cost(value: Any, _: _Seen) -> int | None:
        steps = _steps_to(type_.library, name, value)
        if steps is None and type_.library == "numpy" and _steps_to("numpy", "generic", value) is not None:
            return _LAST
        return steps

    return cost
