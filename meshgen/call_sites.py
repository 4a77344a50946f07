"""Where an argument, a keyword or a key stands in a call as it was written. Only problems ask."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from meshgen.source import Span
from meshgen.written import column_after, span_of, written

Part: TypeAlias = Literal["value", "keyword", "key"]


@dataclass(frozen=True, slots=True)
class Site:
    """A part of a call: an argument, and what is inside of it if it is a list, a tuple or a dict.

    Its place is looked up when it is asked for. Where the text does not tell, because a variable stands there or the
    file has been edited since, it is the nearest part around it that can be seen.
    """

    call: Span
    which: tuple[int | str, ...] = ()
    """The argument: its number, its name, or both when it may be given either way. Nothing for the call itself."""
    path: tuple[Any, ...] = ()
    """Numbers and keys that lead into it."""
    part: Part = "value"

    def inside(self, *path: Any) -> Site:
        """The site of an item of this."""
        return replace(self, path=(*self.path, *path))

    def key(self, key: Any) -> Site:
        """The site of a key of this."""
        return replace(self, path=(*self.path, key), part="key")

    @property
    def span(self) -> Span:
        """Where it stands."""
        call = _call(self.call)
        found = None if call is None else next(_arguments(call, self.which), None)
        if found is None:
            return self.call
        if self.part == "keyword":
            return span_of(self.call.file, found)
        node: ast.expr = found.value if isinstance(found, ast.keyword) else found
        for key in self.path:
            last, inner = node, _item(node, key, self.part if key is self.path[-1] else "value")
            if inner is None:
                return span_of(self.call.file, last)
            node = inner
        return span_of(self.call.file, node)


def keyword(call: Span, name: str) -> Site:
    """The site of `name=...` in a call."""
    return Site(call, (name,), part="keyword")


def _call(span: Span) -> ast.Call | None:
    """The call that ends where the span ends: no other does."""
    end = span.end or (span.line, span.end_column)
    ending = written(span.file).calls.get(end[0] or 0, ())
    return next((call for call in ending if column_after(span.file, call) == end[1]), None)


def _arguments(call: ast.Call, which: tuple[int | str, ...]) -> Iterator[ast.expr | ast.keyword]:
    for each in which:
        if isinstance(each, str):
            yield from (keyword for keyword in call.keywords if keyword.arg == each)
        elif each < len(call.args) and not any(isinstance(a, ast.Starred) for a in call.args[: each + 1]):
            yield call.args[each]


def _item(node: ast.expr, key: Any, part: Part) -> ast.expr | None:
    match node:
        case ast.List(elts=items) | ast.Tuple(elts=items) if isinstance(key, int) and key < len(items):
            starred = any(isinstance(item, ast.Starred) for item in items[: key + 1])
            return None if starred else items[key]
        case ast.Dict(keys=keys, values=values):
            pairs = (pair for pair in zip(keys, values, strict=True) if pair[0] is not None and _is(pair[0], key))
            found = next(pairs, (None, None))
            return found[0] if part == "key" else found[1]
        case _:
            return None


def _is(node: ast.expr, key: Any) -> bool:
    """Whether a key as written is this one; members of enums are known by their names."""
    match node:
        case ast.Constant(value=value):
            return type(value) is type(key) and bool(value == key)
        case ast.Attribute(attr=name):
            return name == getattr(key, "name", None)
        case _:
            return False
