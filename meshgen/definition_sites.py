"""Where a parameter, a result or a field stands in a definition as it was written. Only problems ask."""

from __future__ import annotations

import ast
from typing import Any

from meshgen.source import Span, of_callable
from meshgen.written import annotated, parameters, span_of, written


def parameter(function: Span, name: str) -> Span:
    """The place of a parameter in a `def`; that of the `def` when it cannot be seen."""
    node = _function(function)
    if node is None:
        return function
    return next((span_of(function.file, each) for each in parameters(node) if each.arg == name), function)


def result(function: Span) -> Span:
    """The place of the annotation of a result; that of the `def` when there is none."""
    node = _function(function)
    return function if node is None or node.returns is None else span_of(function.file, node.returns)


def field(cls: Any, name: str, otherwise: Span) -> Span:
    """The place of a field in its class, or in a base; of the class when `name` is empty; else another place."""
    for base in getattr(cls, "__mro__", ()):
        home = of_callable(base)
        if not home.is_users:
            continue
        if not name:
            return home if home.text[home.column - 1 :].startswith(base.__name__) else otherwise
        node = written(home.file).classes.get(home.line)
        if node is not None and (found := _field(home.file, node, name)) is not None:
            return found
    return otherwise


def field_below(decorator: Span, name: str) -> Span | None:
    """The place of a field of the class that a decorator stands over; None when it cannot be seen."""
    for node in written(decorator.file).classes.values():
        first = node.decorator_list[0].lineno if node.decorator_list else node.lineno
        if first <= decorator.line <= node.lineno:
            return _field(decorator.file, node, name)
    return None


def _field(file: str, cls: ast.ClassDef, name: str) -> Span | None:
    return next((span_of(file, each) for each in annotated(cls) if each.id == name), None)


def _function(place: Span) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    return written(place.file).functions.get(place.line)
