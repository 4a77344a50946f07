"""What of the graph is inside an argument, and how deep it is. Calls nothing that users' objects define."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from meshgen.frontend.deployment import Deployment
from meshgen.frontend.driver import Application, Driver, InputNode
from meshgen.frontend.symbolic import ClassNode, MethodRef, Value

GRAPH_THINGS = (Value, ClassNode, MethodRef, InputNode, Deployment, Application, Driver)
"""What the functions of this package return. Only some are taken where a value is wanted."""

DEEPEST = 100
"""Levels of lists and dicts in an argument; protobuf reads no message that is deeper."""


_FLAT = (str, bytes, int, float, type(None))


@dataclass(frozen=True, slots=True)
class Content:
    """Something of the graph inside an argument."""

    path: tuple[Any, ...]
    """Numbers and keys that lead to it."""
    thing: Any
    holder: str = ""
    """What hides it from us: a set, a class of the user's; empty when nothing does."""


def contents(value: Any) -> Iterator[Content]:
    """Everything of the graph in an argument: itself, or in lists, tuples, dicts and what cannot hold any, in order."""
    waiting = [Content((), value)]
    seen: set[int] = set()
    while waiting:
        here = waiting.pop()
        if issubclass(type(here.thing), GRAPH_THINGS):
            yield here
        elif id(here.thing) not in seen:  # it may hold itself
            seen.add(id(here.thing))
            waiting += reversed([*_inside(here)])


def contained(value: Any) -> Iterator[Any]:
    """The same things by themselves, without those that are hidden."""
    return (content.thing for content in contents(value) if not content.holder)


def is_too_deep(value: Any) -> bool:
    """Whether lists and dicts are in each other more than `DEEPEST` levels deep, or hold themselves."""
    levels = [iter((value,))]
    checked: set[int] = set()
    path: list[int] = []
    while levels:
        item = next(levels[-1], levels)
        if item is levels:
            levels.pop()
            if path:
                checked.add(path.pop())
        elif issubclass(type(item), (list, tuple, Mapping)) and id(item) not in checked:
            if len(path) == DEEPEST or id(item) in path:
                return True
            path.append(id(item))
            levels.append(iter(item.values()) if hasattr(item, "values") else iter(item))
    return False


def _inside(here: Content) -> Iterator[Content]:
    thing, kind = here.thing, type(here.thing)  # `isinstance` would ask the thing itself
    if issubclass(kind, _FLAT):
        return
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        yield from _hidden(here, thing, kind.__name__)
    elif issubclass(kind, list | tuple):
        for index, item in enumerate(thing):
            if not issubclass(type(item), _FLAT):  # a long list of numbers costs nothing
                yield Content((*here.path, index), item, here.holder)
    elif issubclass(kind, Mapping):
        yield from _hidden(here, thing, "dict as a key")
        for key, item in thing.items():
            yield Content((*here.path, key), item, here.holder)
    elif issubclass(kind, set | frozenset):
        yield from _hidden(here, thing, kind.__name__)
    elif dataclasses.is_dataclass(kind):
        state = getattr(thing, "__dict__", None) or {f.name: _slot(thing, f.name) for f in dataclasses.fields(kind)}
        yield from _hidden(here, state.values(), kind.__name__)


def _hidden(here: Content, items: Any, holder: str) -> Iterator[Content]:
    return (Content(here.path, item, here.holder or holder) for item in items)


def _slot(thing: Any, name: str) -> Any:
    try:
        return getattr(thing, name)
    except Exception:  # noqa: BLE001 - a property of the user's
        return None
