"""The text of a file as Python parses it, and the places of its parts."""

from __future__ import annotations

import ast
import linecache

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


_TREES: dict[str, tuple[list[str], ast.Module]] = {}
"""By file: its lines, as `linecache` has them, and what they say."""


def tree(file: str) -> ast.Module:
    """What a file says; nothing when it cannot be read any more."""
    lines = linecache.getlines(file)
    known = _TREES.get(file)
    if known is None or known[0] is not lines:
        try:
            parsed = ast.parse("".join(lines))
        except (SyntaxError, ValueError, RecursionError):  # edited since it was loaded
            parsed = ast.Module(body=[], type_ignores=[])
        known = _TREES[file] = lines, parsed
    return known[1]
