"""Writes values as Python code: the parts of a request and of results that a graph reads."""

from __future__ import annotations

import keyword
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, assert_never

from meshgen.graph.steps import Access, Const, Entries, Expr, Input, Items, Result, sources
from meshgen.runtime.engine.expressions import Reader, reader
from meshgen.runtime.engine.schedule import Schedule

INPUT = -1
"""Where a route starts: it takes the parts of the request."""

_SHORT = 40
"""Characters of a constant that is written into the code."""


class ValueWriter:
    """Lines of a function of a graph's input (`_given`) and of the steps' results (`_r0`, `_r1`…).

    Before it reads what may not be there, the function says so in `_s.at`: by a negative number, for which `readings`
    has what is read.
    """

    def __init__(self, schedule: Schedule) -> None:
        self.names: dict[str, Any] = {}
        """What the code reads."""
        self.readings: dict[int, list[Reader]] = {INPUT: []}
        self._schedule = schedule
        self._lines: list[str] = []
        self._margin = "    "
        self._parts: dict[Any, str] = {}
        self._temporaries = 0

    def _take(self, names: Container[Any], exprs: Sequence[Expr]) -> None:
        """Take the parameters, of `names`, that expressions read, all at once: they are there."""
        inputs = (s for e in exprs for s in sources(e) if isinstance(s, Input) and s.path)
        for first in (s.path[0] for s in inputs):
            if first.kind == "item" and first.key in names and first.key not in self._parts:
                self._parts[first.key] = part = f"_p{len(self._parts)}"
                self.readings[INPUT].append(self._reader(Input((first,))))
                self._line(f"{part} = _given[{self._key(first.key)}]")

    def _values(self, exprs: Sequence[Expr], *, always: bool = False) -> list[str]:
        """What to write for the values of expressions; before it, where this may fail, the reading of paths.

        Args:
            exprs: the expressions.
            always: more than paths is read, in what is written next.
        """
        self._temporaries = 0
        if always or any(self._may_fail(s) for e in exprs for s in sources(e)):
            place = -len(self.readings) - 1
            self.readings[place] = [self._reader(e) for e in exprs]
            self._line(f"_s.at = {place}")
        return [self._value(e) for e in exprs]

    def _value(self, expr: Expr) -> str:
        match expr:
            case Const(value=value):
                return self._const(value)
            case Input(path=(first, *rest)) if first.kind == "item" and first.key in self._parts:
                return self._path(self._parts[first.key], rest)
            case Input(path=path):
                return self._path("_given", path)
            case Result(step=step, path=path):
                return self._path(f"_r{step}", path)
            case Items(items=items, container=container):
                parts = "".join(f"{self._value(i)}, " for i in items)
                return f"[{parts}]" if container == "list" else f"({parts})"
            case Entries(entries=entries):
                return "{" + ", ".join(f"{self._const(k)}: {self._value(e)}" for k, e in entries) + "}"
            case _:
                assert_never(expr)

    def _may_fail(self, source: Input | Result) -> bool:
        if isinstance(source, Input) and len(source.path) == 1 and source.path[0].kind == "item":
            return source.path[0].key not in self._parts
        return bool(source.path)

    def _path(self, start: str, path: Sequence[Access]) -> str:
        """What to write for the value at the end of a path, walked as `expressions` walks it."""
        if not path:
            return start
        value = f"_v{self._temporaries}"
        self._temporaries += 1
        for access in path:
            key = self._key(access.key)
            item = f"{start}[{key}]"
            if access.kind == "item":
                self._line(f"{value} = {item}")
            else:
                name = str(access.key)
                plain = name.isidentifier() and name.isascii() and not keyword.iskeyword(name)
                attribute = f"{start}.{name}" if plain else f"getattr({start}, {name!r})"
                self._line(f"{value} = {item} if isinstance({start}, dict) and {key} in {start} else {attribute}")
            start = value
        return value

    def _key(self, key: str | int) -> str:
        return repr(key) if type(key) in (str, int) else self._const(key)

    def _const(self, value: Any) -> str:
        """A value of the graph. It stays the same object, but for short ones that nobody can tell apart."""
        if value is None or type(value) in (bool, int, str):
            text = repr(value)
            if len(text) < _SHORT:
                return text
        name = f"_c{len(self.names)}"
        self.names[name] = value
        return name

    def _reader(self, expr: Expr) -> Reader:
        return reader(expr, self._schedule.name_of)

    def _line(self, text: str) -> None:
        self._lines.append(self._margin + text)

    @contextmanager
    def _inside(self, head: str) -> Iterator[None]:
        self._line(head)
        before, self._margin = self._margin, self._margin + "    "
        yield
        self._margin = before
