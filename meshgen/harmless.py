"""Makes texts of strangers fit for a terminal and for logs: they show what they are, and look like nothing else.

Errors of nodes, requests and files may hold characters that move the cursor, write other colours or titles, turn the
order of a line round, or begin a line that seems to be ours.
"""

from __future__ import annotations

import re

# Control characters but for tabs and line breaks; separators of lines; what changes the direction of text; halves of
# characters, which no terminal takes.
_STEERING = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def escaped(text: str) -> str:
    r"""The text with whatever steers a terminal as Python writes it: `\x1b`, `\u202e`; lines stay lines."""
    return _STEERING.sub(_as_python_writes_it, text)


def escaped_json(text: str) -> str:
    r"""The same JSON with whatever steers a terminal as JSON writes it: `\u009b`."""
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def one_message(text: str, margin: str = "  ") -> str:
    """The escaped text, of which only the first line begins where lines begin.

    Args:
        text: may have any number of lines.
        margin: what stands before each further line.
    """
    return escaped(text).replace("\n", f"\n{margin}")


def _as_python_writes_it(found: re.Match[str]) -> str:
    return repr(found[0])[1:-1]
