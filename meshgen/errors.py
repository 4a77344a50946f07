"""Problems found in a graph before it runs: what they are and how they print.

A problem prints as `file:line:column: error MG203: message`, the source line, a caret and a hint.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Literal

from meshgen.harmless import one_message
from meshgen.source import NOWHERE, Span


class MeshgenError(Exception):
    """Base of every error that meshgen itself raises to a person (a graph, a build, a mesh at fault)."""


class InternalError(MeshgenError):
    """A bug in meshgen, not in the user's graph."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One problem in a user's graph."""

    code: str
    """`MG` and three digits; `meshgen explain CODE` says more."""
    message: str
    """One line in the user's own terms."""
    span: Span = NOWHERE
    """Where the user wrote it."""
    hint: str = ""
    """The way out in this very case; empty takes the code's general hint."""
    severity: Literal["error", "warning"] = "error"

    def render(self) -> str:
        """The problem as lines of text: place and message, source line, caret, hint."""
        place = f"{self.span}: " if self.span is not NOWHERE else ""
        lines = [one_message(f"{place}{self.severity} {self.code}: {self.message}")]
        text = self.span.text
        if text.strip():
            lines += [f"  {text}", f"  {self._caret(text)}"]
        hint = self.hint or general_hint(self.code)
        return "\n".join([*lines, one_message(f"  hint: {hint}", "    ")])

    def _caret(self, text: str) -> str:
        start = self.span.column - 1
        end = self.span.end_column - 1 if self.span.end_column else start + 1
        # Keep tabs, so that the caret stands under its character whatever a tab's width is.
        pad = "".join(c if c == "\t" else " " for c in text[:start])
        return pad + "^" * max(1, min(end, len(text)) - start)


def shown(value: object, limit: int = 60) -> str:
    """A value of the user's in a message: short, on one line, without addresses, whatever its `__repr__` does."""
    import reprlib  # only mistakes need it

    kind = type(value)  # `isinstance` would ask the value itself
    if issubclass(kind, type):
        return f"the class `{value.__name__}`"  # type: ignore[attr-defined]  # it is one
    if issubclass(kind, FunctionType | BuiltinFunctionType | MethodType):
        return f"the function `{value.__name__}`"  # type: ignore[attr-defined]
    try:
        short = reprlib.Repr()
        short.maxstring = short.maxother = short.maxlong = limit
        text = " ".join(short.repr(value).split())
    except Exception:  # noqa: BLE001 - it is the user's code
        text = ""
    return text if text and " at 0x" not in text else f"an object of class `{kind.__name__}`"


def near_match_hint(name: str, known: Sequence[str], otherwise: str = "", shown: str = "`{}`") -> str:
    """A hint for a name that is not known: the one that was probably meant, or else another hint.

    Args:
        name: as written.
        known: the names there are.
        otherwise: the hint when none of them is near.
        shown: how the user writes a name, with `{}` in its place.
    """
    import difflib  # only mistakes need it

    near = difflib.get_close_matches(name, known, n=1)
    return f"Did you mean {shown.format(near[0])}?" if near else otherwise


def general_hint(code: str) -> str:
    """The way out that a code has for every case of it."""
    from meshgen.codes import CODES  # a graph without problems needs none of the explanations

    return CODES[code].hint


class GraphError(MeshgenError):
    """A graph with problems; all of them together, in the order in which they were written."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(sorted(dict.fromkeys(diagnostics), key=lambda d: (d.span, d.code, d.message)))
        super().__init__("\n".join(d.render() for d in self.diagnostics))


def once(diagnostics: Iterable[Diagnostic], nodes: Sequence[str]) -> list[Diagnostic]:
    """One problem for each place and fault, though several nodes have it: those of one class, or bound in one line.

    Args:
        diagnostics: the problems.
        nodes: the names of the nodes; problems that differ in them alone are one.
    """
    named = re.compile(rf"'(?:{'|'.join(map(re.escape, nodes))})(?=['.])") if nodes else None
    first: dict[tuple[str, Span, str], Diagnostic] = {}
    for each in diagnostics:
        message = each.message if named is None else named.sub("'*", each.message)
        first.setdefault((each.code, each.span, message), each)
    return list(first.values())


def errors_only(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """The diagnostics that stop a build."""
    return tuple(d for d in diagnostics if d.severity == "error")
