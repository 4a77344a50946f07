"""What a graph evaluates: expressions, which say where a value comes from, and steps, which make one.

A step tells of itself what others ask: what it reads, which branches it may take, how it is called and drawn.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, assert_never

from meshgen.call_sites import Site
from meshgen.graph.policy import Policy
from meshgen.schema.model import Type, Unknown
from meshgen.source import NOWHERE, Span

UNKNOWN = Unknown()


# --- expressions -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Access:
    """One step into a value: `.key` (attr) or `[key]` (item)."""

    kind: Literal["attr", "item"]
    key: str | int

    def __str__(self) -> str:
        return f".{self.key}" if self.kind == "attr" else f"[{self.key!r}]"


@dataclass(frozen=True, slots=True)
class Const:
    """A Python value written into the graph."""

    value: Any


@dataclass(frozen=True, slots=True)
class Input:
    """The request, or a part of it.

    When the input is one record, `path` starts at the record. Otherwise the first step is the item named by the
    parameter, as `GraphInput.params` has it.
    """

    path: tuple[Access, ...] = ()
    type: Type = UNKNOWN
    """The type of the value at the end of the path."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a step returned, or a part of it."""

    step: int
    path: tuple[Access, ...] = ()
    type: Type = UNKNOWN
    """The type of the value at the end of the path."""


@dataclass(frozen=True, slots=True)
class Items:
    """A list or tuple with nodes in it."""

    items: tuple[Expr, ...]
    container: Literal["list", "tuple"] = "list"


@dataclass(frozen=True, slots=True)
class Entries:
    """A dict with nodes in its values."""

    entries: tuple[tuple[Any, Expr], ...]


Expr: TypeAlias = Const | Input | Result | Items | Entries


def sources(expr: Expr) -> Iterator[Input | Result]:
    """Every input and step that an expression reads, in order of writing."""
    match expr:
        case Input() | Result():
            yield expr
        case Items(items=items):
            for item in items:
                yield from sources(item)
        case Entries(entries=entries):
            for _, value in entries:
                yield from sources(value)
        case Const():
            return
        case _:
            assert_never(expr)


def steps_read(exprs: Iterable[Expr]) -> tuple[int, ...]:
    """The steps whose results expressions read, each once, in order of writing."""
    return tuple(dict.fromkeys(s.step for e in exprs for s in sources(e) if isinstance(s, Result)))


# --- steps ---------------------------------------------------------------------------------------------------------

Shape: TypeAlias = Literal["node", "switch", "map"]
"""How a step is drawn: as the node that it calls, as a choice, or as many calls."""


@dataclass(frozen=True, slots=True)
class Branch:
    """An expression that a step evaluates when it comes to that, or never."""

    label: str
    """When it is taken, as a drawing says it: `True`, `else`."""
    expr: Expr


@dataclass(frozen=True, slots=True, kw_only=True)
class StepBase(ABC):
    """What every step tells of itself, so that nobody else need know the kinds of steps to ask for it."""

    id: int
    result: Type
    span: Span = field(default=NOWHERE, compare=False)

    @property
    @abstractmethod
    def name(self) -> str:
        """What errors call it."""

    @property
    @abstractmethod
    def shape(self) -> Shape:
        """How it is drawn."""

    @property
    def remark(self) -> str:
        """A second line in drawings; empty when there is nothing more to say."""
        return ""

    @property
    @abstractmethod
    def inputs(self) -> tuple[Expr, ...]:
        """Expressions that are evaluated before the step starts."""

    @property
    def branches(self) -> tuple[Branch, ...]:
        """Expressions of which at most one is evaluated, once the step has started."""
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CallingStep(StepBase):
    """A step that calls a method of a node."""

    node: str
    method: str
    args: tuple[tuple[str, Expr], ...]
    """The arguments by parameter name. Parameters left to their default are absent."""
    sites: Mapping[str, Site] = field(default_factory=dict, compare=False)
    """Where each of them was written."""
    policy: Policy = field(default_factory=Policy, compare=False)
    """How the call is made."""

    @property
    def name(self) -> str:
        """The node's."""
        return self.node


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(CallingStep):
    """One `.bind` of one method; runs at most once per request."""

    @property
    def shape(self) -> Shape:
        """The node's."""
        return "node"

    @property
    def inputs(self) -> tuple[Expr, ...]:
        """The arguments."""
        return tuple(e for _, e in self.args)


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch(StepBase):
    """Evaluates the selector, then only the case that it names. No match and no default is INVALID_ARGUMENT."""

    selector: Expr
    cases: tuple[tuple[Any, Expr], ...]
    default: Expr | None

    @property
    def name(self) -> str:
        """It calls no node that could give it another."""
        return "switch"

    @property
    def shape(self) -> Shape:
        """A choice."""
        return "switch"

    @property
    def inputs(self) -> tuple[Expr, ...]:
        """The selector."""
        return (self.selector,)

    @property
    def branches(self) -> tuple[Branch, ...]:
        """The cases in order of writing, and after them the default."""
        cases = tuple(Branch(repr(key), expr) for key, expr in self.cases)
        return cases if self.default is None else (*cases, Branch("else", self.default))


@dataclass(frozen=True, slots=True, kw_only=True)
class MapEach(CallingStep):
    """One call per item of a list, at most `max_concurrency` at once, results in order.

    `args` are the other arguments, the same for each item.
    """

    item: str
    """The parameter that takes the item."""
    over: Expr
    max_concurrency: int

    @property
    def shape(self) -> Shape:
        """Many calls."""
        return "map"

    @property
    def remark(self) -> str:
        """What it goes over."""
        return f"for each {self.item}"

    @property
    def inputs(self) -> tuple[Expr, ...]:
        """The list, then the arguments."""
        return (self.over, *(e for _, e in self.args))


Step: TypeAlias = Call | Switch | MapEach
"""Closed: whoever has to know the kinds of steps ends in `assert_never`."""
