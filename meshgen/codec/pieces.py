"""Long lists of numbers and texts ⇄ repeated fields, in pieces: between two of them other threads get their turn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

PIECE = 1 << 15
"""Elements that take protobuf no more than a few milliseconds."""


def elements_of(field: Any) -> Sequence[Any]:
    """The elements of a repeated field: itself, unless it is long."""
    return field if len(field) <= PIECE else listed(field)


def listed(field: Any) -> list[Any]:
    """The elements as a list."""
    return field[:] if len(field) <= PIECE else list(chain.from_iterable(_pieces(field)))


def extend(field: Any, values: Sequence[Any]) -> None:
    """Append to a repeated field."""
    if len(values) <= PIECE:
        field.extend(values)
        return
    for piece in _pieces(values):
        field.extend(piece)


def are_all(values: Sequence[Any], classes: frozenset[type[Any]]) -> bool:
    """Whether each of the values is of one of the classes itself."""
    if len(values) <= PIECE:
        return classes.issuperset(map(type, values))
    return all(classes.issuperset(map(type, piece)) for piece in _pieces(values))


def _pieces(values: Any) -> Iterable[Any]:
    return (values[at : at + PIECE] for at in range(0, len(values), PIECE))
