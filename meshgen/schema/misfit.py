"""Values that do not fit their type: what is wrong, and the path of the field at fault."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from meshgen.schema.traits import DEEPEST
from meshgen.status import InvalidArgument, Violation


def path_below(prefix: str, path: str) -> str:
    """`('box', 'width')` → `box.width`, `('labels', '[2].score')` → `labels[2].score`."""
    return prefix + path if not path or not prefix or path.startswith("[") else f"{prefix}.{path}"


def subscript(key: Any) -> str:
    """`['label']`, a step of a path. A long key is cut: every problem below it would hold it whole."""
    if isinstance(key, str) and len(key) > _LONGEST_KEY:
        key = f"{key[:_LONGEST_KEY]}…"
    return f"[{key!r}]"


TOO_DEEP = f"is nested deeper than {DEEPEST} messages, which is as deep as protobuf goes"

MOST_PROBLEMS = 100
"""The problems of one request that are reported. A caller reads a few, and many small elements could have millions."""

_LONGEST_KEY, _LONGEST_VALUE = 100, 40
"""Characters that are shown."""


class Misfit(Exception):  # noqa: N818 - never leaves this package
    """Input that does not fit. Paths start at the value that was being read; each caller puts its own in front.

    Attributes:
        problems: (path, what is wrong) rows: at most `MOST_PROBLEMS`, and one more when there are more.
    """

    def __init__(self, problems: Iterable[tuple[str, str]]) -> None:
        super().__init__()
        self.problems = list(islice(problems, MOST_PROBLEMS + 1))

    @classmethod
    def here(cls, description: str) -> Misfit:
        """The value itself is wrong."""
        return cls([("", description)])

    def under(self, prefix: str) -> Iterator[tuple[str, str]]:
        """The problems as seen from the holder of the value."""
        return ((path_below(prefix, path), description) for path, description in self.problems)

    def as_status(self, note: str = "") -> InvalidArgument:
        """The error for the caller, with one violation for each field; a note stands at the end of its message."""
        violations = tuple(Violation(path, description) for path, description in self.problems[:MOST_PROBLEMS])
        text = "; ".join(f"{v.field} {v.description}".strip() for v in violations)
        more = "; … and more" if len(self.problems) > MOST_PROBLEMS else ""
        return InvalidArgument(text + more + note, violations=violations)


class EncodeError(ValueError):
    """A Python value that its declared type cannot carry.

    Attributes:
        path: the field at fault, seen from the value that was written.
        reason: what is wrong with it.
    """

    def __init__(self, reason: str, path: str = "") -> None:
        super().__init__(f"{path} {reason}".strip())
        self.path = path
        self.reason = reason

    def under(self, prefix: str) -> EncodeError:
        """The same error as seen from the holder of the value."""
        return EncodeError(self.reason, path_below(prefix, self.path))


def describe(value: Any) -> str:
    """A value in a message: its type, and itself when it is short."""
    name = type(value).__name__
    try:
        if _is_long(value):
            return name
        text = repr(value)
    except Exception:  # noqa: BLE001 - a user's `__repr__`, or an int of thousands of digits
        return name
    return f"{name} {text}" if len(text) <= _LONGEST_VALUE else name


def _is_long(value: Any) -> bool:
    """Whether a value is surely too long to show, as seen from its first parts: all of it may be gigabytes."""
    size, pending = 0, [value]
    while pending and size <= _LONGEST_VALUE:
        part = pending.pop()
        size += 1
        match part:
            case str() | bytes() | bytearray():
                size += len(part)
            case dict() | list() | tuple() | set() | frozenset():
                size += len(part)
                if size <= _LONGEST_VALUE:
                    pending += part
                    pending += part.values() if isinstance(part, dict) else ()
            case _:
                pending += _shown_fields(part)
    return size > _LONGEST_VALUE


def _shown_fields(value: Any) -> list[Any]:
    """What a dataclass's or pydantic's own `__repr__` would show."""
    cls = type(value)
    if dataclasses.is_dataclass(cls) and hasattr(cls.__repr__, "__wrapped__"):  # not one that the user wrote
        return [getattr(value, f.name) for f in dataclasses.fields(cls) if f.repr]
    return [part for _, part in value.__repr_args__()] if hasattr(cls, "__repr_args__") else []
