"""Which methods the code of a class calls by its handles, as far as the code says: `handle.method.remote(...)`."""

from __future__ import annotations

import dis
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any

from meshgen.source import Span, is_users

_ATTRIBUTE = frozenset({"LOAD_ATTR", "LOAD_METHOD"})


@dataclass(frozen=True, slots=True)
class RemoteCall:
    """One `.remote` in the code."""

    attribute: str
    """What stands before it: the method, or what holds the handle when the node itself is called."""
    span: Span


def remote_calls(cls: type) -> tuple[RemoteCall, ...]:
    """Every `.remote` in the methods of a class, and in the functions that they call by name."""
    waiting = [f for c in cls.__mro__ for value in vars(c).values() for f in _functions(value)]
    seen: set[CodeType] = set()
    found: list[RemoteCall] = []
    while waiting:
        function = waiting.pop()
        if function.__code__ in seen or not is_users(function.__code__.co_filename):
            continue
        for code in _nested(function.__code__):
            seen.add(code)
            found += _in_code(code)
            named = (function.__globals__.get(name) for name in code.co_names)
            waiting += [f for value in named for f in _functions(value)]
    return tuple(sorted(found, key=lambda call: call.span))


def _functions(value: Any) -> Iterator[FunctionType]:
    parts: tuple[Any, ...]
    match value:
        case property():
            parts = (value.fget, value.fset)
        case staticmethod() | classmethod():
            parts = (value.__func__,)
        case _:
            parts = (value,)
    for part in parts:
        function = _unwrapped(part) if inspect.isroutine(part) else part
        if inspect.isfunction(function):
            yield function


def _unwrapped(function: Callable[..., Any]) -> Any:
    try:
        return inspect.unwrap(function)
    except ValueError:  # it wraps itself
        return None


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _nested(constant)


def _in_code(code: CodeType) -> Iterator[RemoteCall]:
    before: str | None = None
    for instruction in dis.get_instructions(code):
        if instruction.opname not in _ATTRIBUTE:
            # What a call gives, such as `getattr(...)`, is not known; all else is a handle.
            before = None if "CALL" in instruction.opname else ""
            continue
        if instruction.argval == "remote" and before is not None:
            at = instruction.positions
            line, column = (at.lineno, at.col_offset) if at is not None else (None, None)
            yield RemoteCall(before, Span(code.co_filename, line or code.co_firstlineno, (column or 0) + 1))
        before = instruction.argval
