"""Regular expressions that mean the same to Python and to RE2, which the contract's validators use."""

from __future__ import annotations

import re
import warnings

from meshgen.schema.refusal import THIS, Refused

_TOKEN = re.compile(
    r"\\x[0-9a-fA-F]{2}|\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?(?:P[=<>]?|<[=!]|[=!>#(:<]|[aiLmsux-]+[:)])?"
    r"|(?:[*+?]|\{\d*,?\d*\})[+?]?|.",
    re.DOTALL,
)
_FLAGS = {re.IGNORECASE: "i", re.MULTILINE: "m", re.DOTALL: "s"}
_UNSTATED = re.VERBOSE | re.LOCALE | re.ASCII
_AT = {r"\Z": "$"}
_MAX_REPEAT = 1000
_HINT = "Write it without, or check it in the node and raise `meshgen.InvalidArgument`."


def re2(pattern: str | re.Pattern[str]) -> str:
    """A pattern as the contract has it: RE2, and readable by Python's `re`; `$` is the end of the text.

    Raises:
        Refused: RE2 has no such thing (look-around, back-references…), or Python cannot read it.
    """
    text = _flagged(pattern) if isinstance(pattern, re.Pattern) else pattern
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # about sets inside brackets, which are refused below
        try:
            re.compile(text)
        except re.error as error:
            raise _refused(text, f"cannot be read ({error})", "Correct it.") from None
    for token in _TOKEN.findall(text):
        if what := _foreign(token):
            raise _refused(text, f"has {what}, which RE2 has not", _HINT)
    return "".join(_AT.get(part, part) for part in _TOKEN.findall(text))


def _flagged(pattern: re.Pattern[str]) -> str:
    if pattern.flags & _UNSTATED:
        raise _refused(pattern.pattern, "is compiled with flags that RE2 has not", "Use only `re.I`, `re.M`, `re.S`.")
    flags = "".join(letter for flag, letter in _FLAGS.items() if pattern.flags & flag)
    # A pattern may have its flags inside already, and Python wants them first.
    given = re.match(r"\(\?[ims]+\)", pattern.pattern)
    return pattern.pattern if given or not flags else f"(?{flags}){pattern.pattern}"


def _foreign(token: str) -> str:
    if token.startswith(("(?=", "(?!", "(?<=", "(?<!")):
        return "look-around"
    if token.startswith(("(?P=", "(?P>", "(?(")) or re.fullmatch(r"\\[1-9]", token):
        return "a reference to a group"
    if token.startswith("(?>") or re.fullmatch(r"(?:[*+?]|\{.*\})\+", token):
        return "an atomic group or possessive repeat"
    if token.startswith("(?#"):
        return "a comment"
    if re.match(r"\(\?[ims-]*[aLux]", token):
        return f"the flag `{token.strip('(?:)')}`"
    if re.match(r"\\[uUN0]", token) or re.search(r"(?<!\\)(?:\\\\)*\\[uUN0-9]", token):
        return "an escape by number or name"
    if token.startswith("[") and re.search(r"(?<!\\)\[|&&|--|\|\||~~", token[1:]):
        return "a set operation inside brackets"
    if token.startswith("{") and any(int(n) > _MAX_REPEAT for n in re.findall(r"\d+", token)):
        return f"a repeat of more than {_MAX_REPEAT}"
    return ""


def _refused(pattern: str, reason: str, hint: str) -> Refused:
    return Refused(THIS, f"has the pattern {pattern!r} that {reason}", hint)
