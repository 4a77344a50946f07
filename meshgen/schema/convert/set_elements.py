"""The elements of a set: each comes once, and stays apart from the others on the wire."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

from meshgen.schema.misfit import EncodeError, Misfit
from meshgen.schema.model import ListOf, Scalar
from meshgen.schema.traits import all_inside

SETS = ("set", "frozenset")
"""Containers that hold an element once."""

_MOST_OF_ONE_HASH = 100
_FEW_OF_ONE_HASH = {bool, int, float, str, bytes}
"""A sender cannot find many of these that have one hash."""


def distinct(make: Callable[..., Any]) -> Callable[[Sequence[Any]], Any]:
    """A set of elements, none of which came twice."""

    def make_set(values: Sequence[Any]) -> Any:
        try:
            if len(values) > _MOST_OF_ONE_HASH:
                _refuse_crowd(values)
            made = make(values)
        except TypeError as error:  # elements that have no hash
            raise Misfit.here(str(error)) from None
        if len(made) != len(values):
            raise Misfit.here("must have no element twice")
        return made

    return make_set


def _refuse_crowd(values: Sequence[Any]) -> None:
    """A set compares elements of one hash with each other, and a sender can choose that of decimals and tuples."""
    if set(map(type, values)) <= _FEW_OF_ONE_HASH:
        return
    ((_, crowd),) = Counter(map(hash, values)).most_common(1)
    if crowd > _MOST_OF_ONE_HASH:
        twice = len(set(map(repr, values))) < len(values)
        many = f"must have at most {_MOST_OF_ONE_HASH} elements of one hash, has {crowd}"
        raise Misfit.here("must have no element twice" if twice else many)


def may_merge(type_: ListOf) -> bool:
    """Whether elements that differ in Python can be the same on the wire, where `Float32` is rounded."""
    return type_.container in SETS and Scalar("float32") in all_inside(type_.item)


def refuse_merged(written: Iterable[Hashable]) -> None:
    """Raises EncodeError when two elements of a set are the same as they were written."""
    forms = list(written)
    if len(set(forms)) != len(forms):
        raise EncodeError("has elements that are the same in the 32 bits of Float32")
