"""Expressions of a graph → functions of a request's input and the results so far. Built once per graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, assert_never

from meshgen.codec.lazy import plain, together
from meshgen.graph.steps import Access, Const, Entries, Expr, Input, Items, Result
from meshgen.status import Internal, InvalidArgument, StatusError, Violation
from meshgen.tracebacks import kind_and_text

Reader: TypeAlias = Callable[[Any, Mapping[int, Any]], Any]
"""(input, results by step) → value."""


def reader(expr: Expr, name_of_step: Callable[[int], str], *, undecoded: bool = False) -> Reader:
    """The function that evaluates `expr`.

    Args:
        expr: an expression of the graph.
        name_of_step: for errors.
        undecoded: leave whole results as they came, also in a list. Whatever is looked into is decoded.
    """
    match expr:
        case Const(value=value):
            return lambda _input, _results: value
        case Input(path=path):
            walk = _walker(path, _input_fault)
            return lambda given, _results: walk(given)
        case Result(step=step, path=()):
            if undecoded:
                return lambda _input, results: results[step]
            return lambda _input, results: plain(results[step])
        case Result(step=step, path=path):
            inner = _walker(path, _result_fault(name_of_step(step)))
            return lambda _input, results: inner(plain(results[step]))
        case Items(items=items, container=container):
            parts = [reader(i, name_of_step, undecoded=undecoded) for i in items]
            build = list if container == "list" else tuple
            return lambda given, results: together([p(given, results) for p in parts], build)
        case Entries(entries=entries):
            pairs = [(k, reader(e, name_of_step)) for k, e in entries]
            return lambda given, results: {k: p(given, results) for k, p in pairs}
        case _:
            assert_never(expr)


def _walker(path: tuple[Access, ...], fault: Callable[[str, Exception], StatusError]) -> Callable[[Any], Any]:
    def walk(value: Any) -> Any:
        for index, access in enumerate(path):
            try:
                value = _accessed(value, access)
            except (AttributeError, KeyError, IndexError, TypeError) as error:
                raise fault("".join(map(str, path[: index + 1])).lstrip("."), error) from error
        return value

    return walk


def _accessed(value: Any, access: Access) -> Any:
    if access.kind == "item":
        return value[access.key]
    if isinstance(value, dict) and access.key in value:  # an untyped input, as JSON brings it
        return value[access.key]
    return getattr(value, str(access.key))


def _input_fault(path: str, error: Exception) -> StatusError:
    reason = f"is not there ({type(error).__name__})"
    return InvalidArgument(f"the request has no `{path}`", violations=(Violation(path, reason),))


def _result_fault(name: str) -> Callable[[str, Exception], StatusError]:
    def fault(path: str, error: Exception) -> StatusError:
        return Internal(f"what '{name}' returned has no `{path}`: {kind_and_text(error)}", node=name)

    return fault
