"""Defaults as written: can they be sent? Between nodes the caller fills them in, so they travel like any value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from meshgen.schema.misfit import describe
from meshgen.schema.model import MISSING, AnyValue, Field, ListOf, MapOf, Optional, Type, Union, WellKnown
from meshgen.schema.relate.assignable import holds
from meshgen.schema.traits import down_to_records
from meshgen.schema.values.well_known import KINDS


def default_of(field: Field) -> Any:
    """The default as far as it can be known beforehand; None when there is none."""
    try:
        return field.make_default() if field.has_default else None
    except Exception:  # noqa: BLE001 - a user's factory, which may want the other fields first
        return None


def default_fault(field: Field) -> tuple[str, str]:
    """What is wrong with a field's default, and the way out; both empty when nothing is."""
    value = field.default
    if value is MISSING or _fits(value, field.type):
        return "", ""
    if value is None:
        return f"the default is None, not {field.type}", f"Write `{field.type} | None = None`."
    for kind in (KINDS[inner.kind] for inner in down_to_records(field.type) if isinstance(inner, WellKnown)):
        what, way_out = kind.fault
        if what and isinstance(value, kind.python) and not kind.has(value):
            return f"the default {value!r} {what}", way_out
    return f"the default is {describe(value)}, not {field.type}", ""


def _fits(value: Any, type_: Type) -> bool:
    """Whether the codec takes a value. It takes more than `holds` does: every sequence for a list."""
    match type_:
        case Optional(item=item):
            return value is None or _fits(value, item)
        case Union(members=members):
            return any(_fits(value, m) for m in members)
        case ListOf(item=item, container="list" | "tuple"):
            listed = isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping)
            return listed and all(_fits(v, item) for v in value)
        case MapOf(key=key, value=item):
            return isinstance(value, Mapping) and all(_fits(k, key) and _fits(v, item) for k, v in value.items())
        case _:
            return holds(value, type_)


NONE_IS_LOST = "cannot be None, because a field that is left out takes its default"
"""None is sent by leaving the field out; better no value than another one."""


def none_is_lost(field: Field) -> bool:
    """Whether None, which travels as absence, would come back as a default that is not None."""
    if not isinstance(field.type, Optional) or isinstance(field.type.item, AnyValue):
        return False  # an `Any` that is None is sent as one
    return default_of(field) is not None


def empty_is_lost(field: Field) -> bool:
    """Whether the default of a list or map is not what its absence means, the empty one."""
    return isinstance(field.type, ListOf | MapOf) and bool(default_of(field))
