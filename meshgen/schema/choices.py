"""`Literal` and `Enum`: values out of a fixed set."""

from __future__ import annotations

import enum
from typing import Any

from meshgen.schema.model import Choice, EnumOf, Nothing, Optional, Type
from meshgen.schema.refusal import Refused
from meshgen.schema.scalars import INT64_MAX, INT64_MIN


def literal(annotation: Any, values: tuple[Any, ...]) -> Type:
    """The type of `Literal["a", "b"]`, `Literal[1, 2]`, or either with None among the values.

    Raises:
        Refused: values of other kinds, or of several.
    """
    given = [v for v in values if v is not None]
    kinds = {type(v) for v in given}
    if kinds == {str} and all(_is_text(v) for v in given):
        choice: Type = Choice(tuple(given))
    elif kinds == {int} and all(INT64_MIN <= v <= INT64_MAX for v in given):
        choice = Choice(tuple(given))
    elif not given:
        return Nothing()
    else:
        raise Refused(annotation, *_bad_literal(given, kinds))
    return Optional(choice) if len(given) < len(values) else choice


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _bad_literal(values: list[Any], kinds: set[Any]) -> tuple[str, str]:
    if any(isinstance(v, enum.Enum) for v in values):
        return "has members of an enum as values", "Use the enum itself, or a Literal of the names."
    if kinds == {str, int}:
        return "has values of two kinds", 'Write two: `Literal["auto"] | Literal[1, 2]`.'
    if kinds == {bool}:
        return "has values that are bool", "Use `bool`."
    if kinds in ({str}, {int}):
        return "has a value that no message can carry", "Use an int of 64 bits, or text without lone surrogates."
    return "has values that are neither str nor int", "Use strings or ints, or an enum."


def enum_of(cls: type[enum.Enum]) -> EnumOf:
    """The type of an enum.

    Raises:
        Refused: a Flag, or an enum without members.
    """
    if issubclass(cls, enum.Flag):
        hint = "Send a `set` of the members of an Enum, or the number as an int."
        raise Refused(cls, "is a Flag, whose values are sums of members", hint)
    if not cls.__members__:
        raise Refused(cls, "is an enum without members", "Give it one, or use the enum that inherits from it.")
    return EnumOf(cls)
