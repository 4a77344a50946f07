"""Regular expressions as the contract's validators read them: RE2, which takes linear time whatever a client sends.

Source: https://github.com/google/re2/wiki/Syntax.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

from meshgen.schema.unsupported import THIS, Refused

_FLAGS = {re.IGNORECASE: "i", re.MULTILINE: "m", re.DOTALL: "s"}
_UNSTATED = re.VERBOSE | re.LOCALE | re.ASCII
_ESCAPE = re.compile(r"\\.", re.DOTALL)
_BRACKETS = re.compile(r"\\.|\[\^?\]?((?:\[:\^?\w+:\]|\\.|[^\]\\])*)\]", re.DOTALL)
_SET_OPERATION = re.compile(r"\[(?!:\^?\w+:\])|&&|--|\|\||~~")
_HINT = "RE2 has no look-around and no back-references: write it without, or check it in the node."


def re2(pattern: str | re.Pattern[str]) -> str:
    r"""A pattern as the contract has it. Python's `\Z` becomes `$`, which is the end of the text.

    Raises:
        Refused: RE2 cannot read it, or other validators would read it in another way.
    """
    text = _flagged(pattern) if isinstance(pattern, re.Pattern) else pattern
    text = _ESCAPE.sub(lambda found: "$" if found[0] == r"\Z" else found[0], text)
    try:
        searcher(text)
    except ValueError as error:
        raise _refused(text, f"cannot be read by RE2 ({error})", _HINT) from None
    if any(found[1] and _SET_OPERATION.search(found[1]) for found in _BRACKETS.finditer(text)):
        hint = "Some validators read `[`, `&&`, `--`, `||` and `~~` inside of brackets as operations; escape them."
        raise _refused(text, "has a set operation inside brackets", hint)
    return text


@cache
def searcher(pattern: str) -> Callable[[str], bool]:
    """Whether a text has the pattern anywhere in it.

    Raises:
        ValueError: RE2 cannot read the pattern.
    """
    import re2 as engine

    options = engine.Options()
    options.log_errors = False
    try:
        compiled = engine.compile(pattern, options)
    except engine.error as error:
        reason = error.args[0]
        raise ValueError(reason.decode() if isinstance(reason, bytes) else str(reason)) from None
    return lambda text: compiled.search(text) is not None


def _flagged(pattern: re.Pattern[str]) -> str:
    if pattern.flags & _UNSTATED:
        hint = "Use only `re.I`, `re.M`, `re.S`."
        raise _refused(pattern.pattern, "is compiled with flags that RE2 does not have", hint)
    flags = "".join(letter for flag, letter in _FLAGS.items() if pattern.flags & flag)
    # A pattern may have its flags inside already, and Python wants them first.
    given = re.match(r"\(\?[ims]+\)", pattern.pattern)
    return pattern.pattern if given or not flags else f"(?{flags}){pattern.pattern}"


def _refused(pattern: str, reason: str, hint: str) -> Refused:
    return Refused(THIS, f"has the pattern {pattern!r} that {reason}", hint)
