"""Where a thing was written. Imports nothing but the standard library."""

from __future__ import annotations

import inspect
import linecache
import os
import re
import sys
import weakref
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, TypeAlias

_PACKAGE = str(Path(__file__).resolve().parent) + os.sep
_PYTHON = str(Path(os.__file__).parent) + os.sep
INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
"""Folders that have packages in them which were installed, as they stand in paths."""
_COMMANDS = str(Path(sys.prefix, "bin")) + os.sep
_Position: TypeAlias = tuple[int | None, int | None, int | None, int | None]


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A place in a user's file. Lines and columns count from 1; `end_column` is exclusive."""

    file: str
    line: int
    column: int = 1
    end_column: int | None = None
    end: tuple[int, int] | None = field(default=None, compare=False)
    """Line and column where it ends, when that is a later line."""

    def __str__(self) -> str:
        return f"{relative(self.file)}:{self.line}:{self.column}"

    @property
    def text(self) -> str:
        """The source line, without its line break; empty when the file cannot be read."""
        return linecache.getline(self.file, self.line).rstrip("\n")

    @property
    def is_users(self) -> bool:
        """Whether it is known, and in a file of the user's own: he can change what stands there."""
        return self.line > 0 and not is_ours(self.file) and not is_library(self.file)


NOWHERE = Span("<unknown>", 0)


def relative(path: str) -> str:
    """`path` as a user would type it: relative to the working folder when it lies below it."""
    try:
        short = os.path.relpath(path)
    except ValueError:  # another drive
        return path
    return path if short.startswith("..") else short


def caller() -> Span:
    """The innermost line on the stack that the user wrote; NOWHERE when none is his."""
    frame = user_frame()
    return NOWHERE if frame is None else _span_of_frame(frame)


def user_frame() -> FrameType | None:
    """The innermost frame of the user's, or None: what called this package last, libraries left out."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and is_ours(frame.f_code.co_filename):
        frame = frame.f_back
    callers: list[FrameType] = []
    while frame is not None and not is_ours(frame.f_code.co_filename):
        if not is_library(frame.f_code.co_filename):
            return frame
        callers.append(frame)
        frame = frame.f_back
    # A graph that is itself installed among the libraries: what Python imports right now.
    imports = any(each.f_code.co_filename.startswith("<frozen importlib") for each in callers)
    return next((each for each in callers if imports and not is_pythons(each.f_code.co_filename)), None)


def is_ours(file: str) -> bool:
    """Whether a file is of this package."""
    return file.startswith(_PACKAGE)


@cache
def is_library(file: str) -> bool:
    """Whether a file is Python's, a package's that was installed, or a command's: nobody's graph."""
    return is_pythons(file) or any(folder in file for folder in INSTALLED) or file.startswith(_COMMANDS)


def is_pythons(file: str) -> bool:
    """Whether a file is of Python itself: its standard library, or frozen into it."""
    return file.startswith("<frozen ") or (file.startswith(_PYTHON) and not any(f in file for f in INSTALLED))


def is_users(file: str | Path) -> bool:
    """Whether a file is the user's own: not of the standard library, not installed, not meshgen's."""
    place = str(Path(file).resolve())
    return not is_ours(place) and not is_library(place)


def of_callable(target: Any) -> Span:
    """Where a function or class is defined; of a decorated function, where it was written."""
    if not isinstance(target, type):
        target = inspect.unwrap(target)
    code: CodeType | None = getattr(target, "__code__", None)
    if code is not None:
        return _on_definition(code.co_filename, code.co_firstlineno)
    module = sys.modules.get(getattr(target, "__module__", ""), None)
    file = getattr(module, "__file__", None)
    if file is None:
        return NOWHERE
    return _on_definition(file, _class_line(file, target.__qualname__.rsplit(".", 1)[-1]))


_CLASS = re.compile(r"\s*class (\w+)[(:\[]")
_CLASS_LINES: dict[str, tuple[list[str], dict[str, int]]] = {}
"""By file: its lines, as `linecache` has them, and where in them each class starts."""


def _class_line(file: str, name: str) -> int:
    lines = linecache.getlines(file)
    known = _CLASS_LINES.get(file)
    if known is None or known[0] is not lines:
        found: dict[str, int] = {}
        for number, text in enumerate(lines, start=1):
            if match := _CLASS.match(text):
                found.setdefault(match[1], number)
        known = _CLASS_LINES[file] = lines, found
    return known[1].get(name, 1)


def _on_definition(file: str, line: int) -> Span:
    """Step over decorators: the caret belongs under the name, not under `@deployment`."""
    for offset, text in enumerate(linecache.getlines(file)[line - 1 : line + 30]):
        stripped = text.lstrip()
        for keyword in ("async def ", "def ", "class "):
            if stripped.startswith(keyword):
                start = len(text) - len(stripped) + len(keyword)
                name = stripped[len(keyword) :].split("(")[0].split(":")[0].strip()
                return Span(file, line + offset, start + 1, start + 1 + len(name))
    return Span(file, line)


_POSITIONS: dict[int, list[_Position]] = {}
"""The positions of the instructions of each code object that asked, by its identity, while it lives: a graph's file
asks for each of its binds."""


def _positions(code: CodeType) -> list[_Position]:
    found = _POSITIONS.get(id(code))
    if found is None:
        found = _POSITIONS[id(code)] = list(code.co_positions())
        weakref.finalize(code, _POSITIONS.pop, id(code)).atexit = False
    return found


def _span_of_frame(frame: FrameType) -> Span:
    return place_in_code(frame.f_code, frame.f_lasti, frame.f_lineno)


def place_in_code(code: CodeType, instruction: int, first: int) -> Span:
    """Where an instruction of a code object stands; on the line `first` when nobody noted its columns."""
    positions = _positions(code)
    index = instruction // 2
    line, end_line, start, end = positions[index] if 0 <= index < len(positions) else (None,) * 4
    if line is None:
        return Span(code.co_filename, first)
    column = 0 if start is None else _before(code, line, start)
    if end is None or end_line is None:
        return Span(code.co_filename, line, column + 1)
    stop = _before(code, end_line, end) + 1
    if end_line == line:
        return Span(code.co_filename, line, column + 1, stop)
    return Span(code.co_filename, line, column + 1, end=(end_line, stop))


def _before(code: CodeType, line: int, offset: int) -> int:
    return characters(linecache.getline(code.co_filename, line), offset)


def characters(text: str, offset: int) -> int:
    """How many characters stand before an offset of Python's, which counts bytes in UTF-8."""
    return len(text.encode()[:offset].decode(errors="replace"))
