"""Which case of a switch a key names: the first one that equals it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import NoneType
from typing import Any

from meshgen.graph.steps import Switch
from meshgen.runtime.call.errors import placed
from meshgen.status import InvalidArgument

_PLAIN = frozenset((bool, int, str, bytes, NoneType))
"""Classes of keys that a dict finds as `==` would: equal ones have one hash, and equal themselves (a NaN does not)."""


def case_finder(keys: Sequence[Any]) -> Callable[[Any], int]:
    """The function from a key to the place of its case in `keys`; -1 when there is none.

    Args:
        keys: of the cases, in the order of writing.
    """

    def search(key: Any) -> int:
        return next((place for place, case in enumerate(keys) if case == key), -1)

    if not all(type(key) in _PLAIN for key in keys):
        return search
    places: dict[Any, int] = {}
    for place, case in enumerate(keys):
        places.setdefault(case, place)  # of True and 1 the first

    def find(key: Any) -> int:
        return places.get(key, -1) if type(key) in _PLAIN else search(key)

    return find


def no_case(step: Switch, key: Any) -> InvalidArgument:
    """The error for a key that names no case, where there is no default."""
    cases = ", ".join(repr(c) for c, _ in step.cases)
    return placed(InvalidArgument(f"the switch has no case for {key!r}; it has {cases}"), step.span)
