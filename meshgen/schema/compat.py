"""May a value of one type be given where another is expected? Pure."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, assert_never
from uuid import UUID

from meshgen.schema.anyvalue import WHOLE_MAX
from meshgen.schema.exactness import member_finder
from meshgen.schema.fit import EncodeError
from meshgen.schema.model import (
    CONTAINERS,
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
from meshgen.schema.records import kind_of, opened
from meshgen.schema.scalars import TO_SCALAR


def feeds(source: Type, target: Type) -> bool:  # noqa: C901 - one case per pair
    """Whether every value of `source` is one of `target`, as a type checker sees it.

    `int` feeds `float`, `T` feeds `T | None` and `T | U`, a `Literal` feeds `str` or `int`, a subclass feeds its base.
    Rules, and the width of numbers, are checked on values. `Any` feeds, and is fed by, what JSON can hold. An unknown
    type feeds everything: it is checked when it is known.
    """
    match source, target:
        case (Unknown(), _) | (_, Unknown()):
            return True
        case Ref(), Ref():
            return _classes_feed(source, target)
        case Ref(), _:
            return feeds(source.record, target)
        case _, Ref():
            return feeds(source, target.record)
        case Optional(item=a), Optional(item=b):
            return feeds(a, b)
        case Nothing(), Optional() | AnyValue():
            return True
        case _, Optional(item=b):
            return feeds(source, b)
        case Union(members=members), _:
            return all(feeds(m, target) for m in members)
        case _, AnyValue():
            return _all_json(source)
        case AnyValue(), _:
            return _some_json(target)
        case _, Union(members=members):
            return any(feeds(source, m) for m in members)
        case Scalar(kind=a), Scalar(kind=b):
            return _plain(a) == _plain(b) or (_plain(a), _plain(b)) == ("int", "float")
        case Choice(), Scalar():
            return feeds(source.scalar, target)
        case Choice(values=a), Choice(values=b):
            return set(a) <= set(b)
        case EnumOf(python=a), EnumOf(python=b):
            return a is b
        case ListOf(item=a, container=c), ListOf(item=b, container=d):
            return c == d and feeds(a, b)
        case MapOf(key=k, value=a), MapOf(key=m, value=b):
            return k == m and feeds(a, b)
        case Tensor(), Tensor():
            return _tensor_feeds(source, target)
        case Record(), Record():
            return _record_feeds(source, target)
        case _:
            return source == target


def _plain(kind: str) -> str:
    return kind.removesuffix("32")


def _tensor_feeds(source: Tensor, target: Tensor) -> bool:
    """What is not said on one side is checked on values."""
    if source.library != target.library or (target.dtype and source.dtype not in (None, target.dtype)):
        return False
    if source.shape is None or target.shape is None:
        return True
    pairs = zip(source.shape, target.shape, strict=False)
    return len(source.shape) == len(target.shape) and all(a == b or None in (a, b) for a, b in pairs)


def _record_feeds(source: Record, target: Record) -> bool:
    if source.kind == "tuple" or target.kind == "tuple":
        same = source.kind == target.kind and len(source.fields) == len(target.fields)
        return same and all(feeds(a.type, b.type) for a, b in zip(source.fields, target.fields, strict=True))
    return _classes_feed(source, target)


def _classes_feed(source: Record | Ref, target: Record | Ref) -> bool:
    a, b = opened(source.python).cls, opened(target.python).cls
    if a is b:
        same = len(source.args) == len(target.args)
        return same and all(feeds(x, y) for x, y in zip(source.args, target.args, strict=True))
    if "typeddict" in (kind_of(a), kind_of(b)):  # no subclass test exists for a TypedDict
        return False
    return issubclass(source.python, target.python) and (not target.args or _fields_feed(source, target))


def _fields_feed(source: Record | Ref, target: Record | Ref) -> bool:
    """For a class that gives its generic base its arguments: `class IntBox(Box[int])`."""
    mine, theirs = (r.record if isinstance(r, Ref) else r for r in (source, target))
    own = {f.name: f.type for f in mine.fields}
    return all(f.name in own and feeds(own[f.name], f.type) for f in theirs.fields)


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


def holds(value: Any, target: Type) -> bool:  # noqa: C901 - one case per type
    """Whether a Python value is one of `target`, as far as can be seen without looking into objects and arrays."""
    match target:
        case Unknown():
            return True
        case Nothing():
            return value is None
        case Ref():
            return holds(value, target.record)
        case Optional(item=item):
            return value is None or holds(value, item)
        case Union(members=members):
            index = member_finder(target)(value)  # not each in turn: unions in unions would take 2^depth
            return index >= 0 and holds(value, members[index])
        case AnyValue():
            return _is_json(value)
        case Scalar(kind=kind):
            return _is_scalar(value, kind)
        case WellKnown(kind=kind):
            return _is_standard(value, kind)
        case Choice(values=values):
            return any(type(value) is type(v) and value == v for v in values)
        case EnumOf(python=python):
            return isinstance(value, python)
        case ListOf(item=item, container=container):
            return isinstance(value, CONTAINERS[container]) and all(holds(v, item) for v in value)
        case MapOf(key=key, value=item):
            return isinstance(value, dict) and all(holds(k, key) and holds(v, item) for k, v in value.items())
        case Record():
            return _is_record(value, target)
        case Image():
            return type(value).__module__.startswith("PIL.")
        case Tensor(library=library):
            return type(value).__module__.split(".")[0] == library
        case _:
            assert_never(target)


def _is_scalar(value: Any, kind: ScalarKind) -> bool:
    """As the codec has it: numpy's numbers are numbers."""
    try:
        TO_SCALAR[kind](value)
    except EncodeError:
        return False
    return True


def _is_standard(value: Any, kind: str) -> bool:
    match kind:
        case "datetime":
            return isinstance(value, datetime) and value.tzinfo is not None
        case "date":
            return isinstance(value, date) and not isinstance(value, datetime)
        case "timedelta":
            return isinstance(value, timedelta)
        case "Decimal":
            return isinstance(value, Decimal) and value.is_finite()
        case _:
            return isinstance(value, UUID)


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
            return same and all(holds(v, f.type) for v, f in zip(value, fields, strict=True))
        case "typeddict":
            return (
                isinstance(value, dict)
                and value.keys() <= {f.name for f in fields}
                and all(f.name in value or f.omitted for f in fields)
                and all(holds(value[f.name], f.type) for f in fields if f.name in value)
            )
        case _:
            return isinstance(value, (target.python, opened(target.python).cls))
