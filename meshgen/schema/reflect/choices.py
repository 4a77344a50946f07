"""`Literal` and `Enum`: values out of a fixed set."""

from __future__ import annotations

import enum
from typing import Any

from meshgen.schema.model import Choice, EnumOf, Nothing, Optional, Type, Union
from meshgen.schema.unsupported import Refused
from meshgen.schema.values.scalars import INT64_MAX, INT64_MIN


def literal(annotation: Any, values: tuple[Any, ...]) -> Type:
    """The type of `Literal["a", "b"]`, `Literal[1, 2]`, or with values of both kinds, or None.

    Raises:
        Refused: values of other kinds.
    """
    ints = tuple(v for v in values if type(v) is int)
    texts = tuple(v for v in values if type(v) is str)
    others = [v for v in values if v is not None and type(v) not in (int, str)]
    if others or not all(map(_is_text, texts)) or not all(INT64_MIN <= v <= INT64_MAX for v in ints):
        raise Refused(annotation, *_bad_literal(others))
    if not ints and not texts:
        return Nothing()
    chosen: Type = Union((Choice(ints), Choice(texts))) if ints and texts else Choice(ints or texts)
    return Optional(chosen) if None in values else chosen


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _bad_literal(others: list[Any]) -> tuple[str, str]:
    if any(isinstance(v, enum.Enum) for v in others):
        return "has members of an enum as values", "Use the enum itself, or a Literal of the names."
    if others and all(isinstance(v, bool) for v in others):
        return "has values that are bool", "Use `bool`."
    if others:
        return "has values that are neither str nor int", "Use strings or ints, or an enum."
    return "has a value that no message can carry", "Use ints of 64 bits, and text without lone surrogates."


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
