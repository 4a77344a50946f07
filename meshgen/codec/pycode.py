"""Straight-line functions, written as source and compiled once: what a codec does for each field, without calls.

They know the common case only. Where a value is anything else they raise whatever comes, and the general codec, which
says what is wrong and where, does the work again.
"""

from __future__ import annotations

import keyword
from collections.abc import Callable, Sequence
from typing import Any


class Unusual(Exception):  # noqa: N818 - never leaves the codec
    """Left to the general codec."""


class Source:
    """Functions that may call each other, and the objects that they refer to by name."""

    def __init__(self) -> None:
        self._names: dict[str, Any] = {"Unusual": Unusual}

    def name(self, value: Any) -> str:
        """A name for an object."""
        name = f"_{len(self._names)}"
        self._names[name] = value
        return name

    def set(self, name: str, value: Any) -> None:
        """Give a name that stands for nothing yet its object."""
        self._names[name] = value

    def define(self, name: str, params: str, lines: Sequence[str], title: str) -> Callable[..., Any]:
        """Compile a function under a name.

        Args:
            name: by which other functions call it.
            params: `m, v`.
            lines: its body.
            title: for tracebacks.
        """
        text = "\n".join([f"def {name}({params}):", *indented(lines)])
        # Every part of the text is a name of ours, an identifier or the `repr` of a string.
        exec(compile(text, f"<{title}>", "exec"), self._names)  # noqa: S102
        function: Callable[..., Any] = self._names[name]
        return function


def indented(lines: Sequence[str]) -> list[str]:
    """The lines of a block."""
    return [f"    {line}" for line in lines]


def field_of(message: str, wire: str) -> str:
    """A field of a message."""
    return f"getattr({message}, {wire!r})" if keyword.iskeyword(wire) else f"{message}.{wire}"


def set_field(wire: str, value: str) -> str:
    """The line that sets a field of the message `m`."""
    return f"setattr(m, {wire!r}, {value})" if keyword.iskeyword(wire) else f"m.{wire} = {value}"


def is_plain_name(name: str) -> bool:
    """Whether a field's name can be written as an attribute and as a keyword argument."""
    return name.isidentifier() and not keyword.iskeyword(name)
