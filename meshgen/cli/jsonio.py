"""JSON in, from the command line, a file or stdin; and JSON out, on one line."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

from meshgen.harmless import escaped_json
from meshgen.status import InvalidArgument


def read_input(text: str) -> Any:
    """The value behind `JSON`, `@file` or `-`.

    Raises:
        InvalidArgument: it is not JSON, more than Python reads, or has a key twice in one object.
        OSError: the file cannot be read.
    """
    where, document = _read(text)
    try:
        return json.loads(document, object_pairs_hook=_once_each)
    except json.JSONDecodeError as error:
        message = f"{where} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
    except UnicodeDecodeError:
        message = f"{where} is not JSON: it is not text in UTF-8"
    except _Twice as error:
        message = f"{where} has the key {error.key!r} twice in one object"
    except ValueError:
        message = f"{where} has a number of more than {sys.get_int_max_str_digits()} digits"
    except RecursionError:
        message = f"{where} is nested too deeply"
    raise InvalidArgument(message)


class _Twice(Exception):  # noqa: N818 - never leaves this module
    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; which of two values of one key is meant, nobody can know."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _Twice(next(key for key in found if keys.count(key) > 1))
    return found


def json_line(value: Any) -> str:
    """One line of JSON, which a terminal shows as it is."""
    return escaped_json(json.dumps(value, ensure_ascii=False))


def _read(text: str) -> tuple[str, str | bytes]:
    if text == "-":
        document = sys.stdin.buffer.read()
        _give_stdin_back()
        return "stdin", document
    if text.startswith("@"):
        return text[1:], Path(text[1:]).read_bytes()
    return "--input", text


def _give_stdin_back() -> None:
    """Let a debugger in a node read from the terminal although stdin was a pipe. Without a terminal nothing changes."""
    with contextlib.suppress(OSError):
        sys.stdin = Path("/dev/tty").open(encoding="utf-8")  # noqa: SIM115 - stays open as stdin does
