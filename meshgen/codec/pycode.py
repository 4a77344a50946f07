"""Functions that are written as source and compiled once: what a codec does for each field, without calls.

They know the common case only. A value that may be right and is not common raises `Unusual`, one that is wrong whatever
comes, and the general codec, which says what is wrong and where, does the work again.
"""

from __future__ import annotations

import keyword
from collections.abc import Callable, Sequence
from typing import Any


class Unusual(Exception):  # noqa: N818 - never leaves the codec
    """This value is left to the general codec."""


class CompiledFunctions:
    """Functions that may call each other, and the objects that they refer to by name."""

    def __init__(self) -> None:
        self._names: dict[str, Any] = {"Unusual": Unusual}

    def refer(self, value: Any) -> str:
        """The name by which the functions refer to an object."""
        name = f"_{len(self._names)}"
        self._names[name] = value
        return name

    def reserve(self) -> str:
        """A name that stands for nothing yet."""
        return self.refer(None)

    def assign(self, name: str, value: Any) -> None:
        """Give a reserved name its object."""
        self._names[name] = value

    def define(self, params: str, lines: Sequence[str], title: str, name: str = "") -> Callable[..., Any]:
        """Compile a function.

        Args:
            params: `m, v`.
            lines: its body.
            title: what tracebacks call it.
            name: a reserved name, by which other functions call it; empty when none does.
        """
        name = name or self.reserve()
        text = "\n".join([f"def {name}({params}):", *indented(lines)])
        # Every part of the text is a name of ours, an identifier or the `repr` of a string.
        exec(compile(text, f"<{title}>", "exec"), self._names)  # noqa: S102
        function: Callable[..., Any] = self._names[name]
        return function


def indented(lines: Sequence[str]) -> list[str]:
    """The lines of a block."""
    return [f"    {line}" for line in lines]


def with_fallback(param: str, lines: Sequence[str], unusual: str, common: str, general: str) -> list[str]:
    """The lines, which return, and what is done when they do not.

    Args:
        param: what is written or read.
        lines: may raise anything.
        unusual: names the errors over what `common` does.
        common: names what does all that is not done by the lines.
        general: names what does that over which they raised another error, which it takes, too.
    """
    return [
        "try:", *indented(lines),
        f"except {unusual}:", "    failure = None",
        "except Exception as error:", "    failure = error",
        "else:", "    failure = None",
        "if failure is None:", f"    return {common}({param})",
        "try:", f"    return {general}({param}, failure)",
        "finally:", "    del failure",
    ]  # fmt: skip


def field_of(message: str, wire: str) -> str:
    """A field of a message."""
    return f"getattr({message}, {wire!r})" if keyword.iskeyword(wire) else f"{message}.{wire}"


def set_field(wire: str, value: str) -> str:
    """The line that sets a field of the message `m`."""
    return f"setattr(m, {wire!r}, {value})" if keyword.iskeyword(wire) else f"m.{wire} = {value}"


def is_plain_name(name: str) -> bool:
    """Whether a field's name can be written as an attribute and as a keyword argument."""
    return name.isidentifier() and not keyword.iskeyword(name)
