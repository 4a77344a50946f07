"""Writes Python: lines with indentation, literals, and the imports of the names that were printed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

_INDENT = "    "
_WIDTH = 100


@dataclass(frozen=True, slots=True)
class Name:
    """Something importable; printing it imports it."""

    module: str
    name: str


@dataclass(slots=True)
class PythonSource:
    """A module under construction."""

    docstring: str
    _lines: list[str] = field(default_factory=list)
    _names: set[Name] = field(default_factory=set)
    _depth: int = 0

    def print(self, *parts: str | Name) -> None:
        """One line (or, with line breaks in it, several) at the present indentation."""
        text = "".join(self._use(part) for part in parts)
        self._lines += [f"{_INDENT * self._depth}{line}" if line else "" for line in text.split("\n")]

    @contextmanager
    def block(self, *parts: str | Name, end: str = "") -> Iterator[None]:
        """Lines inside are indented below a first line; `end` closes them."""
        self.print(*parts)
        self._depth += 1
        yield
        self._depth -= 1
        if end:
            self.print(end)

    def text(self) -> str:
        """The whole module."""
        head = ['"""' + self.docstring + '"""', "", "from __future__ import annotations", ""]
        return "\n".join([*head, *self._imports(), *self._lines]) + "\n"

    def _use(self, part: str | Name) -> str:
        if isinstance(part, Name):
            self._names.add(part)
            return part.name
        return part

    def _imports(self) -> Iterator[str]:
        modules = {name.module: sorted(n.name for n in self._names if n.module == name.module) for name in self._names}
        for standard in (True, False):
            group = [m for m in sorted(modules) if (m.partition(".")[0] in sys.stdlib_module_names) is standard]
            yield from (f"from {module} import {', '.join(modules[module])}" for module in group)
            if group:
                yield ""


def literal(value: Any) -> str:
    """Plain data as Python, over several lines when it is long, as a formatter would write it."""
    match value:
        case dict():
            return _bracketed("{", [f"{literal(k)}: {literal(v)}" for k, v in value.items()], "}")
        case list():
            return _bracketed("[", [literal(v) for v in value], "]")
        case tuple():
            return _bracketed("(", [literal(v) for v in value], ",)" if len(value) == 1 else ")")
        case str():
            return _quoted(value)
        case float() if value != value or value in (float("inf"), float("-inf")):
            return f'float("{value}")'
        case None | bool() | int() | float():
            return repr(value)
        case _:
            raise TypeError(f"not plain data: {value!r}")


def _bracketed(opening: str, items: list[str], closing: str) -> str:
    line = f"{opening}{', '.join(items)}{closing}"
    if len(line) <= _WIDTH - len(_INDENT) and "\n" not in line:
        return line
    inner = "".join(f"{item},\n" for item in items)
    indented = "".join(f"{_INDENT}{part}" for part in inner.splitlines(keepends=True))
    return f"{opening}\n{indented}{closing[-1]}"


def _quoted(value: str) -> str:
    text = repr(value)
    if text[0] == "'" and '"' not in value:
        return '"' + text[1:-1].replace("\\'", "'") + '"'
    return text
