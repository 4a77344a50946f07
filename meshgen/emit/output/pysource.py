"""Writes Python: lines with indentation, literals, and the imports of the names that were printed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

_INDENT = "    "
_WIDTH = 100


@dataclass(frozen=True, slots=True)
class Name:
    """Something importable; printing it imports it."""

    module: str
    name: str


Parts: TypeAlias = tuple[str | Name, ...]
"""A piece of a line, with the importable names in it."""


@dataclass(slots=True)
class PythonSource:
    """A module under construction."""

    docstring: str
    own_names: frozenset[str] = frozenset()
    """Names that the module gives a meaning of its own; what is imported under one of them gets another."""
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
        body = "\n".join(self._lines).lstrip("\n")
        gap = ["", ""] if body.startswith(("@", "class ")) else [""]
        return "\n".join([*head, *self._imports(), *gap[1:], body]) + "\n"

    def _use(self, part: str | Name) -> str:
        if isinstance(part, str):
            return part
        self._names.add(part)
        return self._local(part)

    def _local(self, name: Name) -> str:
        local = name.name
        while local in self.own_names:
            local = f"_{local}"
        return local

    def _imports(self) -> Iterator[str]:
        modules: dict[str, list[Name]] = {}
        for name in sorted(self._names, key=_as_linters_sort):
            if name.module != "builtins" or name.name in self.own_names:
                modules.setdefault(name.module, []).append(name)
        for group in (_is_standard, _is_foreign, _is_ours):
            found = sorted(filter(group, modules), key=str.casefold)
            yield from (line for module in found for line in self._imports_from(module, modules[module]))
            if found:
                yield ""

    def _imports_from(self, module: str, names: list[Name]) -> Iterator[str]:
        """Each name that gets another one has a line of its own, as linters want it."""
        plain = [name.name for name in names if self._local(name) == name.name]
        line = f"from {module} import {', '.join(plain)}"
        if len(line) > _WIDTH:
            yield "\n".join([f"from {module} import (", *(f"{_INDENT}{name}," for name in plain), ")"])
        elif plain:
            yield line
        for name in names:
            if self._local(name) != name.name:
                yield f"from {module} import {name.name} as {self._local(name)}"


def _as_linters_sort(name: Name) -> tuple[int, str]:
    """Constants, then classes, then the rest."""
    kind = 0 if name.name.isupper() else 1 if name.name[0].isupper() else 2
    return kind, name.name


def _is_standard(module: str) -> bool:
    return module.partition(".")[0] in sys.stdlib_module_names


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] == "meshgen"


def _is_foreign(module: str) -> bool:
    return not _is_standard(module) and not _is_ours(module)


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
