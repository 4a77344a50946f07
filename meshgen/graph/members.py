"""The methods of a class: the function behind a name, and who wrote it, the user or a library."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from meshgen.source import is_users


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A method as a class has it, inherited or not."""

    name: str
    function: Callable[..., Any]
    skip_self: bool
    """The function's first parameter is the object, or the class."""
    owner: type
    """The class that defines it."""
    is_users: bool
    """The user wrote it; else a library did, whose files nobody wants to hear of."""


def member(cls: type, name: str) -> Member | None:
    """The method of that name; None for what is none, such as a property or a class inside the class."""
    owner = next((c for c in cls.__mro__ if name in vars(c)), None)
    if owner is None:
        return None
    found = vars(owner)[name]  # not by getattr, which runs a metaclass's code
    bare = found.__func__ if isinstance(found, staticmethod | classmethod) else found
    if not callable(bare) or not inspect.isroutine(bare):
        return None
    static = isinstance(found, staticmethod)
    return Member(name=name, function=bare, skip_self=not static, owner=owner, is_users=_is_users(owner, bare))


def public_members(cls: type) -> Iterator[Member]:
    """The methods that others may call, `__call__` among them, sorted by name."""
    names = {name for c in cls.__mro__ if c is not object for name in vars(c)}
    for name in sorted(n for n in names if not n.startswith("_") or n == "__call__"):
        if (found := member(cls, name)) is not None:
            yield found


def own_public_names(cls: type) -> list[str]:
    """The public methods that the user wrote; those of the class itself when he wrote none."""
    public = [m for m in public_members(cls) if m.name != "__call__"]
    first = next((c for c in cls.__mro__ if any(m.owner is c for m in public)), None)
    return [m.name for m in public if m.is_users] or [m.name for m in public if m.owner is first]


def _is_users(owner: type, function: Callable[..., Any]) -> bool:
    code = getattr(inspect.unwrap(function), "__code__", None)
    file = getattr(sys.modules.get(owner.__module__), "__file__", None)
    return code is not None and is_users(code.co_filename) and (file is None or is_users(file))
