"""A text that matches a pattern: the shortest one of its kind, or one with more repetitions.

Patterns are RE2's; what Python's parser reads otherwise, or not at all, has no example here. Whoever asks tests what
comes against RE2 itself.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from re import _constants as code  # type: ignore[attr-defined]  # Python's own parser of patterns has no other name
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

_REPETITIONS = (1, 0, 2, 4, 8)
_CHARACTERS = "a1A -_.@~/"
_CATEGORIES: Mapping[Any, Callable[[str], bool]] = {
    code.CATEGORY_DIGIT: str.isdigit,
    code.CATEGORY_NOT_DIGIT: lambda char: not char.isdigit(),
    code.CATEGORY_SPACE: str.isspace,
    code.CATEGORY_NOT_SPACE: lambda char: not char.isspace(),
    code.CATEGORY_WORD: lambda char: char.isalnum() or char == "_",
    code.CATEGORY_NOT_WORD: lambda char: not (char.isalnum() or char == "_"),
}


def texts_matching(pattern: str, *, at_least: int) -> Iterator[str]:
    """Texts that should match, each with other numbers of repetitions; none when the pattern cannot be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # about what RE2 has and Python may have one day
            tree = parser.parse(pattern)
    except (re.error, OverflowError, RecursionError):
        return
    for times in (*_REPETITIONS, at_least):
        try:
            yield _sequence(tree, times)
        except _UnreadableError:
            return


class _UnreadableError(Exception):
    """The pattern has something that no text is made up for."""


def _sequence(tree: Any, times: int) -> str:
    return "".join(_piece(kind, what, times) for kind, what in tree)


def _piece(kind: Any, what: Any, times: int) -> str:
    match kind:
        case code.LITERAL:
            return chr(what)
        case code.ANY:
            return "a"
        case code.NOT_LITERAL:
            return _char([(code.NEGATE, None), (code.LITERAL, what)])
        case code.IN:
            return _char(what)
        case code.BRANCH:
            return _sequence(what[1][0], times)
        case code.SUBPATTERN:
            return _sequence(what[-1], times)
        case code.MAX_REPEAT | code.MIN_REPEAT | code.POSSESSIVE_REPEAT:
            low, high, inner = what
            wished = max(low, times)
            return _sequence(inner, times) * int(wished if high is code.MAXREPEAT else min(wished, high))
        case code.AT:
            return ""
        case _:
            raise _UnreadableError


def _char(members: Any) -> str:
    """A character of a class: one that it names, else one that it leaves."""
    firsts = [what if kind is code.LITERAL else what[0] for kind, what in members if kind in (code.LITERAL, code.RANGE)]
    candidates: tuple[str, ...] = (*map(chr, firsts), *_CHARACTERS)
    found = next((char for char in candidates if _is_in(char, members)), None)
    if found is None:
        raise _UnreadableError
    return found


def _is_in(char: str, members: Any) -> bool:
    negated = any(kind is code.NEGATE for kind, _ in members)
    return bool(negated != any(_is_member(char, kind, what) for kind, what in members))


def _is_member(char: str, kind: Any, what: Any) -> bool:
    match kind:
        case code.LITERAL:
            return bool(ord(char) == what)
        case code.RANGE:
            return bool(what[0] <= ord(char) <= what[1])
        case code.CATEGORY:
            return bool(_CATEGORIES[what](char))
        case _:
            return False
