"""What a type asks of a value beyond its wire type, in protovalidate's terms: `Rules`, `Literal`, sets, UUIDs.

The contract must mean what Python means; what protovalidate has no rule for is named instead of written as something
close.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from meshgen.contract.bounds import BOUNDS, BoundError, float_bounds, integer_bounds, span_bounds, time_bounds
from meshgen.contract.validation import Rule
from meshgen.contract.wire import PROTO_SCALAR, Single, WireField, field_shape
from meshgen.schema.model import Choice, EnumOf, ListOf, MapOf, Optional, Scalar, Type, WellKnown
from meshgen.schema.rules import NO_RULES, Rules

_SIZES = ("min_len", "max_len")
_NAMES = (*BOUNDS, "multiple_of", *_SIZES, "pattern", "finite", "unique", "format")


@dataclass(slots=True)
class Constraints:
    """What was asked of one field."""

    stated: dict[str, Rule] = field(default_factory=dict)
    """What the contract says, as `validation.set_rules` takes it."""
    unstated: list[str] = field(default_factory=list)
    """What the contract cannot say, as written."""
    problems: list[str] = field(default_factory=list)
    """Why no value can satisfy it."""


def constraints(wire: WireField, *, required: bool = False, shared: bool = False) -> Constraints:
    """What is asked of one field.

    Args:
        wire: the field.
        required: a caller must set it. Nothing is said of lists and maps, nor of a member of a oneof.
        shared: the field is in a message that serves every type of one name (`IntList` for lists and sets of int). It
            states what was asked for in so many words, not what follows from the Python type.
    """
    found = Constraints()
    reader = _Reader(found, shared)
    if wire.oneof:
        reader.element("", wire.type)
    else:
        reader.field(wire.type)
        if required and isinstance(field_shape(wire), Single):
            found.stated["required"] = True
    return found


class _Reader:
    def __init__(self, found: Constraints, shared: bool) -> None:
        self._found = found
        self._shared = shared

    def field(self, type_: Type) -> None:
        """A field by itself."""
        match type_:
            case Optional(item=item):
                self.element("", item)
            case ListOf(item=item):
                self._list(type_)
                self.element("repeated.items.", item)
            case MapOf(key=key, value=value, rules=rules):
                self._sizes("map.", "pairs", rules)
                self._leave(rules, *_SIZES)
                self.element("map.keys.", key)
                self.element("map.values.", value)
            case _:
                self.element("", type_)

    def element(self, prefix: str, type_: Type) -> None:
        """A single value; messages say for themselves what is in them."""
        match type_:
            case Choice(values=values):
                if not all(map(_is_text, values)):
                    self._found.problems.append(f"{type_} has a surrogate, which no text on the wire can hold")
                elif not self._shared:
                    self._found.stated[f"{prefix}{PROTO_SCALAR[type_.scalar.kind]}.in"] = values
            case WellKnown(kind=kind, rules=rules):
                self._well_known(prefix, kind, rules)
            case Scalar():
                self._scalar(prefix, type_)
            case _:
                pass

    def _list(self, type_: ListOf) -> None:
        rules = type_.rules
        self._sizes("repeated.", "items", rules)
        follows = type_.container in ("set", "frozenset")
        if (rules.unique or (follows and not self._shared)) and _is_comparable(type_.item):
            self._found.stated["repeated.unique"] = True
        elif rules.unique:
            self._found.unstated.append("unique")
        self._leave(rules, *_SIZES, "unique")

    def _scalar(self, prefix: str, scalar: Scalar) -> None:
        rules, path = scalar.rules, f"{prefix}{PROTO_SCALAR[scalar.kind]}."
        match scalar.kind:
            case "bool":
                self._leave(rules)
            case "int" | "int32" as kind:
                self._bounds(path, rules, lambda r: integer_bounds(r, 64 if kind == "int" else 32))
                self._multiple(prefix, rules)
                self._leave(rules, *BOUNDS, "multiple_of", "finite")
            case "float" | "float32" as kind:
                self._bounds(path, rules, lambda r: float_bounds(r, kind))
                if rules.finite:
                    self._found.stated[f"{path}finite"] = True
                self._leave(rules, *BOUNDS, "finite")
            case "str":
                self._text(path, rules)
            case "bytes":
                self._sizes(path, "len", rules)
                self._leave(rules, *_SIZES)

    def _well_known(self, prefix: str, kind: str, rules: Rules) -> None:
        match kind:
            case "UUID":
                self._found.stated[f"{prefix}string.uuid"] = True
                self._leave(rules)
            case "datetime":
                self._bounds(f"{prefix}timestamp.", rules, time_bounds)
                self._leave(rules, *BOUNDS)
            case "timedelta":
                self._bounds(f"{prefix}duration.", rules, span_bounds)
                self._leave(rules, *BOUNDS)
            case _:
                self._leave(rules)

    def _text(self, path: str, rules: Rules) -> None:
        self._sizes(path, "len", rules)
        if rules.pattern is not None and not _is_text(rules.pattern):
            self._found.problems.append(f"{_written(rules, 'pattern')} has a surrogate, which no text can hold")
        elif rules.pattern is not None:
            self._found.stated[f"{path}pattern"] = rules.pattern
        if rules.format is not None:
            self._found.stated[f"{path}{rules.format}"] = True
        self._leave(rules, *_SIZES, "pattern", "format")

    def _sizes(self, path: str, unit: str, rules: Rules) -> None:
        low, high = rules.min_len or 0, rules.max_len
        if low < 0 or (high is not None and high < low):
            self._found.problems.append(f"{_written(rules, *_SIZES)} leaves no value")
        elif unit == "len" and low == high:
            self._found.stated[f"{path}len"] = low
        else:
            sizes = {"min": low or None, "max": high}
            self._found.stated |= {f"{path}{end}_{unit}": size for end, size in sizes.items() if size is not None}

    def _bounds(self, path: str, rules: Rules, read: Callable[[Rules], dict[str, Any]]) -> None:
        try:
            self._found.stated |= {f"{path}{rule}": value for rule, value in read(rules).items()}
        except BoundError as error:
            self._found.problems.append(f"{_written(rules, *BOUNDS)} {error}")

    def _multiple(self, prefix: str, rules: Rules) -> None:
        step = rules.multiple_of
        if step is None:
            return
        if step == 0 or not math.isfinite(step):
            self._found.problems.append(f"{_written(rules, 'multiple_of')} leaves no value")
        elif step != int(step):
            self._found.unstated.append(_written(rules, "multiple_of"))
        else:
            step = abs(int(step))
            text, expression = f"must be a multiple of {step}", f"this % {step} == 0"
            self._found.stated[f"{prefix}cel"] = ({"id": "multiple_of", "message": text, "expression": expression},)

    def _leave(self, rules: Rules, *known: str) -> None:
        """Note what was asked and this type has no rule for."""
        asked = (_written(rules, name) for name in _NAMES if name not in known)
        self._found.unstated += [text for text in asked if text]
        self._found.unstated += rules.unmapped


def _is_comparable(item: Type) -> bool:
    """Whether protovalidate can tell two of them apart: scalars and enums, not messages."""
    return isinstance(item, Scalar | Choice | EnumOf) or (isinstance(item, WellKnown) and item.kind == "UUID")


def _is_text(value: str | int) -> bool:
    return isinstance(value, int) or not any("\ud800" <= char <= "\udfff" for char in value)


def _written(rules: Rules, *names: str) -> str:
    """The rules of these names as a user wrote them: `ge=5, le=3`."""
    return ", ".join(f"{n}={getattr(rules, n)!r}" for n in names if getattr(rules, n) != getattr(NO_RULES, n))
