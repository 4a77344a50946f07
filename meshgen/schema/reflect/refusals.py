"""Annotations that are none of the types a message can carry: what is wrong with each, and the way out."""

from __future__ import annotations

import collections
import collections.abc as abc
import typing
from typing import Any

from meshgen.schema.reflect.markers import WRITE_ANY, holds_itself
from meshgen.schema.unsupported import Refused

_BARE = (list, set, frozenset, dict, tuple, abc.Sequence, abc.Mapping, abc.MutableMapping, abc.Set, abc.Collection)
_ONCE = ("Iterable", "Iterator", "Generator", "AsyncIterable", "AsyncIterator", "AsyncGenerator")
_HOLDERS = (dict, list, collections.deque, tuple, set, bytearray, memoryview)
_NEAREST: tuple[tuple[type, str], ...] = (
    (bool, "bool"),
    (int, "int"),
    (float, "float"),
    (str, "str"),
    (bytes, "bytes"),
    (bytearray, "bytes"),
    (memoryview, "bytes"),
    (dict, "dict"),
    (list, "list"),
    (collections.deque, "list"),
    (tuple, "tuple"),
    (set, "set"),
)

_ADVICE = {
    "builtins.complex": "Use two floats, or a tensor.",
    "collections.abc.Callable": "A function cannot travel: give what it returns, or its name.",
    "datetime.time": "Use a timedelta since midnight, or text (`isoformat()`).",
    "fractions.Fraction": "Use a Decimal, or two ints.",
    "ipaddress": "Use `str`, and make the address inside the node.",
    "pathlib": "Use `str`, and make the path inside the node.",
    "re.Pattern": "Use `str`, and compile it inside the node.",
}
"""The way out for a class, or for a module."""


def refuse(annotation: Any, cls: Any) -> Refused:
    """The error for an annotation.

    Args:
        annotation: as written.
        cls: its class without type arguments; the annotation itself when it is none.
    """
    if isinstance(annotation, typing.ForwardRef):  # of names, only that of an alias which holds itself is left
        return holds_itself(annotation)
    reason, hint = _why(annotation, cls)
    return Refused(annotation, reason, hint)


def _why(annotation: Any, cls: Any) -> tuple[str, str]:
    if cls is object:
        return "has no shape", "Name the type; `Any` takes what JSON can hold."
    if isinstance(annotation, str):
        return "is only a name here, of an alias that holds itself or of a class", f"{WRITE_ANY} Write a class itself."
    if isinstance(annotation, typing.TypeVar):
        return "is a type variable that nothing stands for", "Name the type: `Box[int]` instead of `Box`."
    if annotation is typing.Self:
        return "stands for a class, which only a record's own field has", "Name the class."
    if cls in _BARE:
        return "does not say what it holds", f"Write `{cls.__name__}[…]`."
    if getattr(cls, "__name__", "") in _ONCE:
        return "is read once, while a message holds all of it", "Use a list."
    if not isinstance(cls, type):
        return "is not a type", "Annotate with a class or a type expression."
    if cls.__module__.startswith("pydantic.") and cls.__name__ == "NaiveDatetime":
        return "is a datetime without a time zone, which is no moment in time", "Use `datetime`, with `tzinfo` set."
    if cls.__module__.startswith("pydantic."):
        return "is a class of pydantic without a counterpart", "Use `str`, and make it inside the node."
    return _why_class(cls)


def _why_class(cls: type) -> tuple[str, str]:
    for base, nearest in _NEAREST:
        if cls is base:
            return "has no contract", f"Use `{nearest}`."
        if issubclass(cls, base):
            named = "" if base in _HOLDERS else f", or `{cls.__name__} = NewType({cls.__name__!r}, {nearest})`"
            return f"is a subclass of {base.__name__}, and a plain one would arrive", f"Use `{nearest}`{named}."
    hint = _ADVICE.get(f"{cls.__module__}.{cls.__qualname__}") or _ADVICE.get(cls.__module__)
    return "has no contract", hint or "Make it a dataclass or a pydantic model, or give what it holds."
