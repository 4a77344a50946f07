"""Values that stand for what a request will bring: the input, a node's output, a bound class.

They record what is done with them and where. What cannot be recorded (`if`, `==`, f-strings…) raises at once.
The state of every symbolic value lives in one slot with a name that no user's field has, so that any
attribute of the user's own type can be reached through it.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeAlias

from meshgen.errors import Diagnostic, GraphError
from meshgen.frontend.definition import Definition
from meshgen.frontend.signature import method_of
from meshgen.graph.steps import Access
from meshgen.schema.model import Record
from meshgen.source import Span, caller

_ORDER = itertools.count()


@dataclass(frozen=True, slots=True)
class RecordedAccess:
    """One recorded step of a path: what was accessed, and where it was written."""

    access: Access
    span: Span


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


@dataclass(eq=False, slots=True, kw_only=True)
class BoundStep(ABC):
    """What every bound step tells of itself, so that nobody else need know the kinds of steps to ask for it."""

    span: Span
    order: int = field(default_factory=_ORDER.__next__)

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


Bound: TypeAlias = BoundCall | BoundSwitch | BoundMap
"""Closed: who lowers bound steps ends in `assert_never`."""

Source: TypeAlias = BoundInput | Bound


def misuse(what: str, hint: str = "") -> GraphError:
    """The error for an operation that a symbolic value cannot record."""
    message = f"a value of the graph has no value yet, so it cannot be {what}"
    return GraphError([Diagnostic(code="MG201", message=message, span=caller(), hint=hint)])


class Symbolic:
    """Refuses whatever would need the value now."""

    __slots__ = ()

    def _refuse(self, what: str, hint: str = "") -> NoReturn:
        raise misuse(what, hint)

    def __bool__(self) -> NoReturn:  # noqa: PLE0304 - it never returns
        self._refuse("tested by `if`, `and`, `or`, `not`", "Choose between branches with `switch(...)`.")

    def __iter__(self) -> Iterator[Any]:
        hint = "Fan out over a list with `map_each(...)`; only a node annotated with a fixed tuple can be unpacked."
        self._refuse("looped over or unpacked", hint)

    def __eq__(self, other: object) -> NoReturn:
        self._refuse("compared", "Compare inside a node; an `@inline` function is the cheapest.")

    __hash__ = object.__hash__

    def __str__(self) -> NoReturn:  # noqa: PLE0307 - it never returns
        self._refuse("printed or formatted", "Format it inside a node; an `@inline` function is the cheapest.")

    def __format__(self, spec: str) -> NoReturn:
        self.__str__()


def _refusing(what: str) -> Any:
    def refuse(self: Symbolic, *_: object, **__: object) -> NoReturn:
        self._refuse(what, "Do it inside a node; an `@inline` function is the cheapest.")

    return refuse


_OPERATORS = ("add", "sub", "mul", "matmul", "truediv", "floordiv", "mod", "pow", "and", "or", "xor")

for _names, _what in (
    (("__lt__", "__le__", "__gt__", "__ge__"), "compared"),
    (("__len__",), "measured by len()"),
    (("__contains__",), "searched with `in`"),
    (("__int__", "__float__", "__index__", "__complex__", "__bytes__"), "converted"),
    (("__await__", "__aiter__", "__aenter__", "__enter__"), "awaited or entered"),
    (("__setitem__", "__delitem__"), "changed"),
    (("__neg__", "__pos__", "__abs__", "__invert__", "__round__"), "computed with"),
    (tuple(f"__{name}__" for name in _OPERATORS), "computed with"),
    (tuple(f"__r{name}__" for name in _OPERATORS), "computed with"),
):
    for _name in _names:
        setattr(Symbolic, _name, _refusing(_what))


class Value(Symbolic):
    """What the input or a step yields, or a part of it. `.x`, `["k"]` and `[0]` go deeper."""

    __slots__ = ("_meshgen_path", "_meshgen_source", "_meshgen_span")
    _meshgen_source: Source
    _meshgen_span: Span
    _meshgen_path: tuple[RecordedAccess, ...]

    def __init__(self, source: Source, span: Span, path: tuple[RecordedAccess, ...] = ()) -> None:
        object.__setattr__(self, "_meshgen_source", source)
        object.__setattr__(self, "_meshgen_span", span)
        object.__setattr__(self, "_meshgen_path", path)

    def __getattr__(self, name: str) -> Value:
        if name.startswith("__") and name.endswith("__"):  # protocols of Python, never a user's field
            raise AttributeError(name)
        return self._meshgen_deeper(Access("attr", name))

    def __setattr__(self, name: str, value: object) -> None:
        self._refuse("changed")

    def __getitem__(self, key: Any) -> Value:
        if not isinstance(key, str | int):
            self._refuse(f"indexed by a {type(key).__name__}", "Use a fixed name or number; slice inside a node.")
        return self._meshgen_deeper(Access("item", key))

    def __iter__(self) -> Iterator[Any]:
        width = _tuple_width(self)
        if width is None:
            return Symbolic.__iter__(self)
        return iter([self[i] for i in range(width)])

    def __call__(self, *_: object, **__: object) -> NoReturn:
        """Refused: only nodes can be called, and those by binding them."""
        self._refuse("called", 'Did you mean `.bind(...)` on a node? A field called `bind` is reached by `["bind"]`.')

    def bind(self, *_: object, **__: object) -> NoReturn:
        """Only nodes can be bound."""
        self._refuse("bound: only nodes can", 'A field called `bind` is reached by `["bind"]`.')

    def __repr__(self) -> str:
        source = self._meshgen_source
        name = f"{source.node.definition.name}.{source.method}" if isinstance(source, BoundCall) else "input"
        return f"<graph value {name}{''.join(str(s.access) for s in self._meshgen_path)}>"

    def _meshgen_deeper(self, access: Access) -> Value:
        step = RecordedAccess(access, caller())
        return Value(self._meshgen_source, step.span, (*self._meshgen_path, step))


def _tuple_width(value: Value) -> int | None:
    """How many parts a value has whose node is annotated with a fixed tuple."""
    source = value._meshgen_source
    if not isinstance(source, BoundCall) or value._meshgen_path:
        return None
    target = getattr(source.node.definition.target, source.method, source.node.definition.target)
    result = method_of(target, source.method, skip_self=False).method.result
    return len(result.fields) if isinstance(result, Record) and result.kind in ("tuple", "namedtuple") else None


class ClassNode(Symbolic):
    """A bound class: `.method.bind(...)`, or `.bind(...)` for `__call__`. As a constructor argument: a handle."""

    __slots__ = ("_meshgen_node",)
    _meshgen_node: BoundNode

    def __init__(self, node: BoundNode) -> None:
        object.__setattr__(self, "_meshgen_node", node)

    def __getattr__(self, name: str) -> MethodRef:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return MethodRef(self._meshgen_node, name)

    def __setattr__(self, name: str, value: object) -> None:
        self._refuse("changed")

    @property
    def __call__(self) -> MethodRef:
        """`node.__call__.bind(...)` is `node.bind(...)`, as it was in Ray."""
        return MethodRef(self._meshgen_node, "__call__")

    def bind(self, *args: Any, **kwargs: Any) -> Value:
        """Call the instance itself (`__call__`)."""
        return MethodRef(self._meshgen_node, "__call__").bind(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<node {self._meshgen_node.definition.name}>"


class MethodRef(Symbolic):
    """`node.method`, to be bound."""

    __slots__ = ("_meshgen_method", "_meshgen_node")

    def __init__(self, node: BoundNode, method: str) -> None:
        self._meshgen_node = node
        self._meshgen_method = method

    def bind(self, *args: Any, **kwargs: Any) -> Value:
        """One call of this method per request."""
        span = caller()
        call = BoundCall(node=self._meshgen_node, method=self._meshgen_method, args=args, kwargs=kwargs, span=span)
        return Value(call, span)

    def __call__(self, *_: object, **__: object) -> NoReturn:
        """Refused: a graph is built by binding."""
        name = "" if self._meshgen_method == "__call__" else f".{self._meshgen_method}"
        self._refuse("called while the graph is built", f"Write `{name}.bind(...)`.")

    def remote(self, *_: object, **__: object) -> NoReturn:
        """Handles have `.remote`; nodes of a graph are bound."""
        self._refuse("called while the graph is built", "Write `.bind(...)`; `.remote(...)` is for handles in a node.")

    def __repr__(self) -> str:
        return f"<method {self._meshgen_node.definition.name}.{self._meshgen_method}>"
