"""Values that do not fit their type: what is wrong, and the path of the field at fault."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from meshgen.schema.depth import DEEPEST
from meshgen.status import InvalidArgument, Violation


def joined(prefix: str, path: str) -> str:
    """`('box', 'width')` → `box.width`, `('labels', '[2].score')` → `labels[2].score`."""
    return prefix + path if not path or not prefix or path.startswith("[") else f"{prefix}.{path}"


TOO_DEEP = f"is nested deeper than {DEEPEST} messages, which is as deep as protobuf goes"


class Misfit(Exception):  # noqa: N818 - never leaves this package
    """Input that does not fit. Paths start at the value that was being read; each caller puts its own in front."""

    def __init__(self, problems: Iterable[tuple[str, str]]) -> None:
        super().__init__()
        self.problems = list(problems)

    @classmethod
    def here(cls, description: str) -> Misfit:
        """The value itself is wrong."""
        return cls([("", description)])

    def under(self, prefix: str) -> Iterator[tuple[str, str]]:
        """The problems as seen from the holder of the value."""
        return ((joined(prefix, path), description) for path, description in self.problems)

    def as_status(self) -> InvalidArgument:
        """The error for the caller, with one violation for each field."""
        violations = tuple(Violation(path, description) for path, description in self.problems)
        text = "; ".join(f"{v.field} {v.description}".strip() for v in violations)
        return InvalidArgument(text, violations=violations)


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
        return EncodeError(self.reason, joined(prefix, self.path))


def describe(value: Any) -> str:
    """A value in a message: its type, and itself when it is short."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - a user's `__repr__`, or an int of thousands of digits
        return type(value).__name__
    return f"{type(value).__name__} {text}" if len(text) <= 40 else type(value).__name__
