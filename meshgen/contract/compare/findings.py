"""Differences between two contracts as plain facts; what they mean to anybody is for `verdicts` to say."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TypeAlias

from meshgen.contract.compare.buf_rules import Key
from meshgen.contract.compare.described import Position

Part: TypeAlias = tuple[str, str]
"""The full name of a message, enum, rpc or service, and a field of it, if any; named as in the new contract."""


class Kind(enum.Enum):
    """A kind of difference; the values are in the order in which they are printed."""

    MISREAD = enum.auto()
    RETYPED = enum.auto()
    RENUMBERED = enum.auto()
    REQUIRED = enum.auto()
    NARROWED = enum.auto()
    REMOVED = enum.auto()
    VALUE_REMOVED = enum.auto()
    RENAMED = enum.auto()
    RESPELLED = enum.auto()
    VALUE_RENAMED = enum.auto()
    RETURNED = enum.auto()
    VALUE_RETURNED = enum.auto()
    UNRESERVED = enum.auto()
    RPC_REMOVED = enum.auto()
    NODE_REMOVED = enum.auto()
    PATH = enum.auto()
    FREED = enum.auto()
    ADDED = enum.auto()
    WIDENED = enum.auto()
    VALUE_ADDED = enum.auto()
    RPC_ADDED = enum.auto()
    NODE_ADDED = enum.auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One difference in one place."""

    kind: Kind
    subject: str
    """`` field `score` ``."""
    owner: str
    """`` `Label` ``; empty when the subject says it all."""
    what: str
    """`changed from int to float`."""
    name: str = ""
    """What errors and readers call it."""
    was: bool = False
    """It was required, or a value that readers must know."""
    now: bool = False
    """It is required."""
    many: bool = False
    """It is a list or a map."""
    renamed: tuple[tuple[str, str], ...] = ()
    """Classes whose new names may be all there is to it: before, now."""
    heir: tuple[str, str, str] | None = None
    """A field that went and one that came, which may be one: the names of before and now, and the type of both."""
    positions: frozenset[Position] = frozenset()
    parts: frozenset[Part] = frozenset()
    """What differs, so that its place in the user's files can be found."""
    keys: frozenset[Key] = field(default=frozenset(), compare=False)
    """Where `buf breaking` would flag it."""
