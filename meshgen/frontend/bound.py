"""What was bound: the input, nodes and steps, as they were written. `Bound` is closed; tracing lowers it.

Nothing of it is looked at while the graph is built, so that problems come together, and in order.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from meshgen.call_sites import Site
from meshgen.frontend.definition import Definition
from meshgen.source import Span

_ORDER = itertools.count()

RECORD: ContextVar[list[object] | None] = ContextVar("meshgen_record", default=None)
"""What is bound, and every application, while somebody listens: he wants to know what no route needs."""


def note(bound: object) -> None:
    """Record something, if somebody listens."""
    if (record := RECORD.get()) is not None:
        record.append(bound)


@dataclass(eq=False, slots=True, kw_only=True)
class BoundInput:
    """An `InputNode`."""

    types: tuple[Any, ...] = ()
    """Annotations given by position."""
    named: Mapping[str, Any] = field(default_factory=dict)
    """Annotations given by name."""
    examples: tuple[Any, ...] = ()
    """Requests as the user writes them."""
    span: Span
    order: int = field(default_factory=_ORDER.__next__)


@dataclass(eq=False, slots=True, kw_only=True)
class BoundNode:
    """A class with its constructor's arguments, or a function: one node."""

    definition: Definition
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    span: Span
    order: int = field(default_factory=_ORDER.__next__)

    def __post_init__(self) -> None:
        if self.definition.is_class:  # a function is a node without being bound
            note(self)

    def sites(self) -> Iterator[tuple[Any, Site]]:
        """The constructor's arguments, each with its site."""
        return _sites(self.span, self.args, self.kwargs)


@dataclass(eq=False, slots=True, kw_only=True)
class BoundStep(ABC):
    """What every bound step tells of itself, so that nobody else need know the kinds of steps to ask for it."""

    span: Span
    order: int = field(default_factory=_ORDER.__next__)

    def __post_init__(self) -> None:
        note(self)

    @property
    @abstractmethod
    def name(self) -> str:
        """What errors call it."""

    @property
    @abstractmethod
    def given(self) -> tuple[Any, ...]:
        """Everything that was given to it, branches included."""

    @property
    def called(self) -> tuple[BoundNode, str] | None:
        """The node and the method that it calls; None when it calls none itself."""
        return None


@dataclass(eq=False, slots=True, kw_only=True)
class BoundCall(BoundStep):
    """`method.bind(...)`."""

    node: BoundNode
    method: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The node's."""
        return self.node.definition.name

    @property
    def given(self) -> tuple[Any, ...]:
        """The arguments."""
        return (*self.args, *self.kwargs.values())

    @property
    def called(self) -> tuple[BoundNode, str]:
        """The node and the method."""
        return self.node, self.method

    def sites(self) -> Iterator[tuple[Any, Site]]:
        """The arguments, each with its site."""
        return _sites(self.span, self.args, self.kwargs)


@dataclass(eq=False, slots=True, kw_only=True)
class BoundSwitch(BoundStep):
    """`switch(selector, cases, default=...)`."""

    selector: Any
    cases: Mapping[Any, Any]
    default: Any
    has_default: bool

    @property
    def name(self) -> str:
        """It calls no node that could give it another."""
        return "switch"

    @property
    def given(self) -> tuple[Any, ...]:
        """The selector, then the branches."""
        return (self.selector, *self.cases.values(), self.default)


@dataclass(eq=False, slots=True, kw_only=True)
class BoundMap(BoundStep):
    """`map_each(method, over=..., ...)`."""

    node: BoundNode
    method: str
    over: Any
    kwargs: Mapping[str, Any]
    max_concurrency: int

    @property
    def name(self) -> str:
        """The node's."""
        return self.node.definition.name

    @property
    def given(self) -> tuple[Any, ...]:
        """The list, then the arguments."""
        return (self.over, *self.kwargs.values())

    @property
    def called(self) -> tuple[BoundNode, str]:
        """The node and the method."""
        return self.node, self.method

    def sites(self) -> Iterator[tuple[Any, Site]]:
        """The arguments, each with its site."""
        return _sites(self.span, (), self.kwargs)


def _sites(call: Span, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Iterator[tuple[Any, Site]]:
    yield from ((value, Site(call, (index,))) for index, value in enumerate(args))
    yield from ((value, Site(call, (name,))) for name, value in kwargs.items())


Bound: TypeAlias = BoundCall | BoundSwitch | BoundMap
"""Closed: who lowers bound steps ends in `assert_never`."""

Source: TypeAlias = BoundInput | Bound
