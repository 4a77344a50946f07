"""What a type asks of a value beyond its wire type, in protovalidate's terms: `Rules`, `Literal`, sets, UUIDs.

`Rules` come without contradictions, with one bound on each side; what is left is to find protovalidate's name for each.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, assert_never

from meshgen.contract.validation import Rule
from meshgen.contract.wire import PROTO_SCALAR, Single, WireField, field_shape
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
    Tensor,
    Type,
    Union,
    Unknown,
    WellKnown,
)
from meshgen.schema.rules import Rules
from meshgen.schema.traits import down_to_records, rules_of
from meshgen.schema.values.kind import Kind, Text
from meshgen.schema.values.well_known import KINDS

_BOUNDS = {"gt": "gt", "ge": "gte", "lt": "lt", "le": "lte"}


def stated_rules(wire: WireField, *, required: bool = False, shared: bool = False) -> dict[str, Rule]:
    """What the contract says of one field, as `validation.set_rules` takes it.

    Args:
        wire: the field.
        required: a caller must set it. Nothing is said of lists and maps, nor of a member of a oneof.
        shared: the field is in a message that serves every type of one name (`IntList` for lists and sets of int). It
            states what was asked for in so many words, not what follows from the Python type.
    """
    if wire.oneof:
        return dict(_element("", wire.type, shared))
    rules = dict(_field(wire.type, shared))
    if required and isinstance(field_shape(wire), Single):
        rules["required"] = True
    return rules


def unstated_rules(type_: Type) -> Iterator[str]:
    """What is asked of a field of this type and the contract cannot say, as written; records aside."""
    for inner in down_to_records(type_):
        yield from rules_of(inner).unmapped


def _field(type_: Type, shared: bool) -> Iterator[tuple[str, Rule]]:
    """A field by itself."""
    match type_:
        case Optional(item=item):
            yield from _element("", item, shared)
        case ListOf(item=item, rules=rules):
            yield from _sizes("repeated.", "items", rules)
            if rules.unique and not shared:
                yield "repeated.unique", True
            yield from _element("repeated.items.", item, shared)
        case MapOf(key=key, value=value, rules=rules):
            yield from _sizes("map.", "pairs", rules)
            yield from _element("map.keys.", key, shared)
            yield from _element("map.values.", value, shared)
        case _:
            yield from _element("", type_, shared)


def _element(prefix: str, type_: Type, shared: bool) -> Iterator[tuple[str, Rule]]:
    """A single value; messages say for themselves what is in them."""
    match type_:
        case Choice(values=values):
            if not shared:
                yield f"{prefix}{PROTO_SCALAR[type_.scalar.kind]}.in", values
        case WellKnown(kind=kind, rules=rules):
            yield from _of_kind(prefix, KINDS[kind], rules)
        case Scalar(kind=kind, rules=rules):
            path = f"{prefix}{PROTO_SCALAR[kind]}."
            yield from _bounds(path, rules)
            yield from _sizes(path, "len", rules)
            yield from _texts(path, rules)
            if rules.finite:
                yield f"{path}finite", True
            if rules.multiple_of is not None:
                yield f"{prefix}cel", (_multiple(rules.multiple_of),)
        case Record() | Ref() | ListOf() | MapOf() | Optional() | Union():
            pass
        case AnyValue() | Nothing() | Unknown() | EnumOf() | Image() | Tensor():
            pass
        case _:
            assert_never(type_)


def _of_kind(prefix: str, kind: Kind, rules: Rules) -> Iterator[tuple[str, Rule]]:
    if isinstance(kind.wire, Text) and kind.wire.rule:
        yield f"{prefix}string.{kind.wire.rule}", True
    if kind.bounds is not None:
        yield from _bounds(f"{prefix}{kind.bounds.rules}.", rules)


def _bounds(path: str, rules: Rules) -> Iterator[tuple[str, Rule]]:
    if rules.ge is not None and rules.ge == rules.le:  # as `buf lint` wants it
        yield f"{path}const", rules.ge
        return
    for name, rule in _BOUNDS.items():
        if (bound := getattr(rules, name)) is not None:
            yield path + rule, bound


def _sizes(path: str, unit: str, rules: Rules) -> Iterator[tuple[str, Rule]]:
    if unit == "len" and rules.max_len is not None and (rules.min_len or 0) == rules.max_len:
        yield f"{path}len", rules.max_len  # as `buf lint` wants it
        return
    if rules.min_len:
        yield f"{path}min_{unit}", rules.min_len
    if rules.max_len is not None:
        yield f"{path}max_{unit}", rules.max_len


def _texts(path: str, rules: Rules) -> Iterator[tuple[str, Rule]]:
    if rules.pattern is not None:
        yield f"{path}pattern", rules.pattern
    if rules.format is not None:
        yield path + rules.format, True


def _multiple(step: float) -> dict[str, Any]:
    """A rule in CEL, as protovalidate has none of that name."""
    return {"id": "multiple_of", "message": f"must be a multiple of {step}", "expression": f"this % {step} == 0"}
