"""May a value of one type be given where another is expected? Pure."""

from __future__ import annotations

from typing import Any

from meshgen.schema.model import (
    CONTAINERS,
    Choice,
    EnumOf,
    Image,
    ListOf,
    MapOf,
    Nothing,
    Optional,
    Record,
    Scalar,
    Tensor,
    Type,
    Unknown,
)


def feeds(source: Type, target: Type) -> bool:  # noqa: C901 - one case per pair
    """Whether every value of `source` is one of `target`.

    `int` feeds `float` (as for type checkers), `T` feeds `T | None`, a `Literal` feeds `str`, a subclass feeds its
    base. An unknown type feeds everything: it is checked when it is known.
    """
    match source, target:
        case (Unknown(), _) | (_, Unknown()):
            return True
        case Optional(item=a), Optional(item=b):
            return feeds(a, b)
        case Nothing(), Optional():
            return True
        case _, Optional(item=b):
            return feeds(source, b)
        case Scalar(kind="int"), Scalar(kind="float"):
            return True
        case Choice(), Scalar(kind="str"):
            return True
        case Choice(values=a), Choice(values=b):
            return set(a) <= set(b)
        case EnumOf(python=a), EnumOf(python=b):
            return a is b
        case ListOf(item=a, container=c), ListOf(item=b, container=d):
            return c == d and feeds(a, b)
        case MapOf(key=k, value=a), MapOf(key=m, value=b):
            return k == m and feeds(a, b)
        case Tensor(library=a, dtype=c), Tensor(library=b, dtype=d):
            return a == b and (d is None or c in (None, d))
        case Record(), Record():
            return _record_feeds(source, target)
        case _:
            return source == target


def _record_feeds(source: Record, target: Record) -> bool:
    if source.kind == "tuple" or target.kind == "tuple":
        same = source.kind == target.kind and len(source.fields) == len(target.fields)
        return same and all(feeds(a.type, b.type) for a, b in zip(source.fields, target.fields, strict=True))
    if "typeddict" in (source.kind, target.kind):  # no subclass test exists for a TypedDict
        return source.python is target.python
    return issubclass(source.python, target.python)


def holds(value: Any, target: Type) -> bool:  # noqa: C901 - one case per type
    """Whether a Python value written into a graph is one of `target`. Looks at the outside only for big types."""
    match target:
        case Unknown():
            return True
        case Nothing():
            return value is None
        case Optional(item=item):
            return value is None or holds(value, item)
        case Scalar(kind="float"):
            return isinstance(value, int | float) and not isinstance(value, bool)
        case Scalar(kind="int"):
            return isinstance(value, int) and not isinstance(value, bool)
        case Scalar(kind=kind):
            return isinstance(value, {"bool": bool, "str": str, "bytes": bytes}[kind])
        case Choice(values=values):
            return value in values
        case EnumOf(python=python):
            return isinstance(value, python)
        case ListOf(item=item, container=container):
            return isinstance(value, CONTAINERS[container]) and all(holds(v, item) for v in value)
        case MapOf(key=key, value=item):
            return isinstance(value, dict) and all(holds(k, key) and holds(v, item) for k, v in value.items())
        case Record(kind="tuple", fields=fields):
            return (
                isinstance(value, tuple)
                and len(value) == len(fields)
                and all(holds(v, f.type) for v, f in zip(value, fields, strict=True))
            )
        case Record(kind="typeddict", fields=fields):
            return isinstance(value, dict) and all(f.name in value and holds(value[f.name], f.type) for f in fields)
        case Record(python=python):
            return isinstance(value, python)
        case Image():
            return type(value).__module__.startswith("PIL.")
        case Tensor(library=library):
            return type(value).__module__.split(".")[0] == library
