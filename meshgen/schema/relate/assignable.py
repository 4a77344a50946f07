"""May a value of one type be given where another is expected? Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Any, TypeAlias, assert_never

from meshgen.schema.classes import kind_of, opened
from meshgen.schema.misfit import EncodeError
from meshgen.schema.model import (
    AnyValue,
    Choice,
    EnumOf,
    Image,
    ListOf,
    MapOf,
    Nothing,
    Optional,
    Record,
    Ref,
    Scalar,
    ScalarKind,
    Tensor,
    Type,
    Union,
    Unknown,
    WellKnown,
)
from meshgen.schema.relate.exactness import member_finder
from meshgen.schema.values.any_value import WHOLE_MAX
from meshgen.schema.values.scalars import TO_SCALAR
from meshgen.schema.values.well_known import KINDS

_TAKEN = (("tuple", "list"), ("frozenset", "set"))
"""What `Sequence` and `Set` take beside the class that arrives."""


def feeds(source: Type, target: Type) -> bool:
    """Whether every value of `source` is one of `target`, as a type checker sees it.

    `int` feeds `float`, `T` feeds `T | None` and `T | U`, a `Literal` feeds `str` or `int`, a subclass feeds its base
    unless it has more fields, which would be lost. Rules, and the width of numbers, are checked on values. `Any` feeds,
    and is fed by, what JSON can hold. An unknown type feeds everything: it is checked when it is known.
    """
    return _feeds(source, target, frozenset())


_Seen: TypeAlias = frozenset[tuple[Any, ...]]
"""Pairs of classes that are being compared: they may be in each other."""


def _feeds(source: Type, target: Type, seen: _Seen) -> bool:
    match source, target:
        case (Unknown(), _) | (_, Unknown()):
            return True
        case Ref(), Ref():
            return _classes_feed(source, target, seen)
        case Ref(), _:
            return _feeds(source.record, target, seen)
        case Optional(item=a), Optional(item=b):
            return _feeds(a, b, seen)
        case Union(members=members), _ if not isinstance(target, Optional | Ref):
            return all(_feeds(m, target, seen) for m in members)
        case AnyValue(), _ if not isinstance(target, Optional | Ref | AnyValue):
            return _some_json(target)
        case _:
            return _takes(target, source, seen)


def _takes(target: Type, source: Type, seen: _Seen) -> bool:  # noqa: C901 - one case per type
    """The same, where the source is one type, known and by itself."""
    match target:
        case Ref():
            return _feeds(source, target.record, seen)
        case Optional(item=item):
            return isinstance(source, Nothing) or _feeds(source, item, seen)
        case AnyValue():
            return _all_json(source)
        case Union(members=members):
            return any(_feeds(source, m, seen) for m in members)
        case Scalar():
            return isinstance(source, Scalar | Choice) and _scalar_feeds(source, target)
        case Choice(values=values):
            return isinstance(source, Choice) and set(source.values) <= set(values)
        case ListOf():
            return _list_takes(target, source, seen)
        case MapOf(key=key, value=value):
            return isinstance(source, MapOf) and key == source.key and _feeds(source.value, value, seen)
        case Tensor():
            return isinstance(source, Tensor) and _tensor_feeds(source, target)
        case Record():
            return isinstance(source, Record) and _record_feeds(source, target, seen)
        case WellKnown() | EnumOf() | Nothing() | Image():
            return source == target
        case Unknown():
            return True
        case _:
            assert_never(target)


def _scalar_feeds(source: Scalar | Choice, target: Scalar) -> bool:
    own = source.scalar if isinstance(source, Choice) else source
    a, b = own.kind.removesuffix("32"), target.kind.removesuffix("32")
    return a == b or (a, b) == ("int", "float")


def _list_takes(target: ListOf, source: Type, seen: _Seen) -> bool:
    match source:
        case ListOf(item=item, container=container):
            same = container == target.container or (target.abstract and (container, target.container) in _TAKEN)
            return same and _feeds(item, target.item, seen)
        case Record(kind="tuple" | "namedtuple", fields=fields):
            ordered = target.container == "tuple" or (target.abstract and target.container == "list")
            return ordered and all(_feeds(f.type, target.item, seen) for f in fields)
        case _:
            return False


def _tensor_feeds(source: Tensor, target: Tensor) -> bool:
    """What is not said on one side is checked on values."""
    if source.library != target.library or (target.dtype and source.dtype not in (None, target.dtype)):
        return False
    if source.shape is None or target.shape is None:
        return True
    pairs = zip(source.shape, target.shape, strict=False)
    return len(source.shape) == len(target.shape) and all(a == b or None in (a, b) for a, b in pairs)


def _record_feeds(source: Record, target: Record, seen: _Seen) -> bool:
    if target.kind != "tuple":
        return source.kind != "tuple" and _classes_feed(source, target, seen)
    if source.kind not in ("tuple", "namedtuple") or len(source.fields) != len(target.fields):
        return False
    return all(_feeds(a.type, b.type, seen) for a, b in zip(source.fields, target.fields, strict=True))


def _classes_feed(source: Record | Ref, target: Record | Ref, seen: _Seen) -> bool:
    a, b = opened(source.python).cls, opened(target.python).cls
    if a is b:
        same = len(source.args) == len(target.args)
        return same and all(_feeds(x, y, seen) for x, y in zip(source.args, target.args, strict=True))
    if "typeddict" in (kind_of(a), kind_of(b)):  # no subclass test exists for a TypedDict
        return False
    return issubclass(source.python, target.python) and _fields_feed(source, target, seen)


def _fields_feed(source: Record | Ref, target: Record | Ref, seen: _Seen) -> bool:
    """Whether a subclass has the fields of its base, and no more; it may give a generic base its arguments."""
    pair = (source.python, source.args, target.python, target.args)
    if pair in seen:
        return True
    mine, theirs = ({f.name: f.type for f in r.record.fields} for r in (source, target))
    return mine.keys() == theirs.keys() and all(_feeds(mine[name], theirs[name], seen | {pair}) for name in theirs)


def _all_json(type_: Type) -> bool:
    """Whether every value of a type is one that JSON can hold, and comes back from it as it was."""
    match type_:
        case Scalar(kind=kind):
            return kind != "bytes"
        case AnyValue() | Choice() | Nothing() | Unknown():
            return True
        case Optional(item=item) | ListOf(item=item, container="list"):
            return _all_json(item)
        case MapOf(key=key, value=value):
            return key.kind == "str" and _all_json(value)
        case Union(members=members):
            return all(map(_all_json, members))
        case Record(kind="typeddict", fields=fields):
            return all(_all_json(f.type) for f in fields)
        case Ref(python=python):  # it is inside of the record that is looked at
            return kind_of(python) == "typeddict"
        case WellKnown() | EnumOf() | ListOf() | Image() | Tensor() | Record():
            return False
        case _:
            assert_never(type_)


def _some_json(type_: Type) -> bool:
    """Whether what JSON holds can be a value of a type."""
    match type_:
        case Union(members=members):
            return any(map(_some_json, members))
        case Optional(item=item) | ListOf(item=item, container="list"):
            return _some_json(item)
        case MapOf(key=key, value=value):
            return key.kind == "str" and _some_json(value)
        case Record(kind="typeddict", fields=fields):
            return all(_some_json(f.type) for f in fields if f.required)
        case _:
            return _all_json(type_)


def holds(value: Any, target: Type) -> bool:
    """Whether a Python value is one of `target`, as far as can be seen without looking into objects and arrays."""
    try:
        return _holds(value, target)
    except Exception:  # noqa: BLE001 - nested deeper than any message, or an object that cannot even be looked at
        return False


def _holds(value: Any, target: Type) -> bool:  # noqa: C901 - one case per type
    match target:
        case Unknown():
            return True
        case Nothing():
            return value is None
        case Ref():
            return _holds(value, target.record)
        case Optional(item=item):
            return value is None or _holds(value, item)
        case Union(members=members):
            index = member_finder(target)(value)  # not each in turn: unions in unions would take 2^depth
            return index >= 0 and _holds(value, members[index])
        case AnyValue():
            return _is_json(value)
        case Scalar(kind=kind):
            return _is_scalar(value, kind)
        case WellKnown(kind=kind):
            return KINDS[kind].has(value)
        case Choice(values=values):
            return any(type(value) is type(v) and value == v for v in values)
        case EnumOf(python=python):
            return isinstance(value, python)
        case ListOf(item=item):
            return _is_container(value, target) and all(_holds(v, item) for v in value)
        case MapOf(key=key, value=item):
            return isinstance(value, dict) and all(_holds(k, key) and _holds(v, item) for k, v in value.items())
        case Record():
            return _is_record(value, target)
        case Image():
            return type(value).__module__.startswith("PIL.")
        case Tensor(library=library):
            return type(value).__module__.split(".")[0] == library
        case _:
            assert_never(target)


def _is_container(value: Any, target: ListOf) -> bool:
    if isinstance(value, target.python):
        return True
    if not target.abstract or isinstance(value, str | bytes | bytearray | memoryview):
        return False
    return isinstance(value, Sequence if target.container == "list" else AbstractSet)


def _is_scalar(value: Any, kind: ScalarKind) -> bool:
    """Whether the codec takes a value: numpy's numbers are numbers."""
    try:
        TO_SCALAR[kind](value)
    except EncodeError:
        return False
    return True


def _is_json(value: Any) -> bool:
    if value is None or isinstance(value, bool | str):
        return True
    if isinstance(value, int):
        return abs(value) <= WHOLE_MAX
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, list):
        return all(map(_is_json, value))
    return isinstance(value, dict) and all(isinstance(k, str) and _is_json(v) for k, v in value.items())


def _is_record(value: Any, target: Record) -> bool:
    fields = target.fields
    match target.kind:
        case "tuple":
            same = isinstance(value, tuple) and len(value) == len(fields)
            return same and all(_holds(v, f.type) for v, f in zip(value, fields, strict=True))
        case "typeddict":
            return (
                isinstance(value, dict)
                and value.keys() <= {f.name for f in fields}
                and all(f.name in value or f.omitted for f in fields)
                and all(_holds(value[f.name], f.type) for f in fields if f.name in value)
            )
        case _:
            return isinstance(value, (target.python, opened(target.python).cls))
