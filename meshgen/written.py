"""The text of a file as Python parses it, and the places of its parts."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from meshgen.source import Span, characters


def span_of(file: str, node: ast.expr | ast.arg | ast.keyword) -> Span:
    """The place of a part."""
    column = characters(linecache.getline(file, node.lineno), node.col_offset) + 1
    line, stop = node.end_lineno or node.lineno, column_after(file, node)
    if line == node.lineno:
        return Span(file, node.lineno, column, stop)
    return Span(file, node.lineno, column, end=(line, stop))


def column_after(file: str, node: ast.expr | ast.arg | ast.keyword) -> int:
    """The column after a part."""
    return characters(linecache.getline(file, node.end_lineno or node.lineno), node.end_col_offset or 0) + 1


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> tuple[ast.arg, ...]:
    """The parameters that take one argument each."""
    return (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)


def annotated(cls: ast.ClassDef) -> Iterator[ast.Name]:
    """The names that a class annotates: its fields."""
    targets = (each.target for each in cls.body if isinstance(each, ast.AnnAssign))
    return (target for target in targets if isinstance(target, ast.Name))


@dataclass(frozen=True, slots=True)
class Written:
    """What a file says, by the lines of its parts."""

    calls: Mapping[int, Sequence[ast.Call]]
    """By the line on which they end."""
    functions: Mapping[int, ast.FunctionDef | ast.AsyncFunctionDef]
    classes: Mapping[int, ast.ClassDef]


_KNOWN: dict[str, tuple[list[str], Written]] = {}
"""By file: its lines, as `linecache` has them, and what they say."""


def written(file: str) -> Written:
    """What a file says; nothing when it cannot be read any more."""
    lines = linecache.getlines(file)
    known = _KNOWN.get(file)
    if known is None or known[0] is not lines:
        try:
            parsed = ast.parse("".join(lines))
        except (SyntaxError, ValueError, RecursionError):  # edited since it was loaded
            parsed = ast.Module(body=[], type_ignores=[])
        known = _KNOWN[file] = lines, _by_line(parsed)
    return known[1]


def _by_line(parsed: ast.Module) -> Written:
    calls: dict[int, list[ast.Call]] = {}
    functions: dict[int, ast.FunctionDef | ast.AsyncFunctionDef] = {}
    classes: dict[int, ast.ClassDef] = {}
    for node in ast.walk(parsed):
        match node:
            case ast.Call(end_lineno=int() as line):
                calls.setdefault(line, []).append(node)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                functions.setdefault(node.lineno, node)
            case ast.ClassDef():
                classes.setdefault(node.lineno, node)
            case _:
                pass
    return Written(calls, functions, classes)
