"""The user's graph: frozen data, each part with the place where it was written.

Words (as in the docs): a *node* is a service, i.e. one `Class.bind(...)` or one function; a *call* is one `.bind`
of one of its methods. Nothing here runs anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, TypeAlias, assert_never

from meshgen.call_sites import Site
from meshgen.errors import Diagnostic
from meshgen.graph.options import OPTIONS
from meshgen.graph.policy import Policy
from meshgen.graph.steps import Expr, Step, steps_read
from meshgen.schema.model import Field, Record, Type
from meshgen.source import NOWHERE, Span

# --- nodes ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Own:
    """Replicas of the node's own."""

    def __str__(self) -> str:
        return "own"


@dataclass(frozen=True, slots=True)
class InDriver:
    """The driver's replicas."""

    def __str__(self) -> str:
        return "driver"


@dataclass(frozen=True, slots=True)
class With:
    """The replicas of another node."""

    node: str

    def __str__(self) -> str:
        return f"with:{self.node}"


Placement: TypeAlias = Own | InDriver | With
"""The processes in which a node runs; in text as `.options(placement=...)` takes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A callable of a node: one rpc of its service."""

    name: str
    """Python name; `__call__` for a class called by itself, the function's name for a function."""
    rpc: str
    """Name on the wire: `Forward`, `Call`."""
    params: tuple[Field, ...]
    positional: int | None = None
    """How many of them, the first ones, may be given by position; None for all."""
    result: Type
    is_async: bool = False
    by_name: bool = field(default=True, compare=False)
    """Every argument can be given by its name, as contracts have it; else `params` does not tell."""
    doc: str = field(default="", compare=False)
    span: Span = field(default=NOWHERE, compare=False)

    @property
    def by_position(self) -> tuple[Field, ...]:
        """The parameters that may be given by position."""
        return self.params[: self.positional]

    def param(self, name: str) -> Field | None:
        """The parameter of that name."""
        return next((p for p in self.params if p.name == name), None)


@dataclass(frozen=True, slots=True)
class HandleRef:
    """What stands in a constructor's arguments for a handle to another node ("may call")."""

    node: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What `@deployment(...)` and `.options(...)` said, merged."""

    serve: Mapping[str, Any] = field(default_factory=dict)
    """Ray Serve's own options by Serve's own names, as given."""
    policy: Policy = field(default_factory=Policy)
    """How each call is made, as given; the graph may say otherwise for single calls."""
    sites: Mapping[str, Site] = field(default_factory=dict, compare=False)
    """Where each option was given."""

    def place(self, name: str, otherwise: Span) -> Span:
        """Where an option was given."""
        return self.sites[name].span if name in self.sites else otherwise

    def place_inside(self, name: str, path: tuple[Any, ...], otherwise: Span) -> Span:
        """Where a key in the value of an option was given."""
        if name not in self.sites or not path:
            return self.place(name, otherwise)
        return Site(self.sites[name].call, (name,)).inside(*path[:-1]).key(path[-1]).span

    @property
    def max_ongoing_requests(self) -> int:
        """How many calls run at once in a replica."""
        return int(self.serve.get("max_ongoing_requests", OPTIONS["max_ongoing_requests"].serve_default))


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A service: one bound class, or one function."""

    name: str
    """Snake case, unique in the graph."""
    kind: Literal["function", "class"]
    target: Callable[..., Any] = field(compare=False)
    """The user's function or class, undecorated."""
    args: tuple[Any, ...] = field(default=(), compare=False)
    """Constructor arguments of a class node; `HandleRef`s stand where nodes were, also inside lists and dicts."""
    kwargs: Mapping[str, Any] = field(default_factory=dict, compare=False)
    methods: tuple[Method, ...]
    """The methods that its service publishes, sorted by name."""
    unpublished: tuple[Diagnostic, ...] = field(default=(), compare=False)
    """Which of the public methods that handles give in process cannot be in its contract, and why. It stops nobody who
    makes none."""
    may_call: tuple[str, ...] = ()
    """Nodes that it holds handles to, sorted."""
    placement: Placement = Own()
    """Where it runs on a mesh; in process every node is a part of the caller."""
    published: bool = True
    """It has a service. An inline function has none, and is always in the driver."""
    options: Options = field(default_factory=Options, compare=False)
    doc: str = field(default="", compare=False)
    span: Span = field(default=NOWHERE, compare=False)

    @property
    def host(self) -> str | None:
        """The node in whose replicas it runs: itself, when it has its own. None for the driver."""
        match self.placement:
            case Own():
                return self.name
            case InDriver():
                return None
            case With(node=host):
                return host
            case _:
                assert_never(self.placement)

    def method(self, name: str) -> Method | None:
        """The published method of that Python name."""
        return next((m for m in self.methods if m.name == name), None)


# --- the whole -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphInput:
    """What a request carries into the graph."""

    params: tuple[Field, ...]
    """One field per input value. When `record` is given: its fields."""
    record: Record | None = None
    """The input is this one record (`InputNode(T)`)."""
    whole: bool = False
    """The one parameter is the input itself and was not named by the user (`InputNode(int)`)."""
    span: Span = field(default=NOWHERE, compare=False)
    """The `InputNode`, or the adapter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """`input_adapter`: makes the graph's input from the request, inside the driver."""

    target: Callable[..., Any] = field(compare=False)
    method: Method
    """Its parameters are the request on every transport; its result is the graph's input."""
    record: Record | None = None
    """The adapter is this record class: the request is the graph's input, and nothing is called."""

    @property
    def request(self) -> GraphInput:
        """What a client sends."""
        return GraphInput(params=self.method.params, record=self.record, span=self.method.span)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One entry of the driver."""

    path: str
    """`/` for a driver with one graph, else the key of the dict, starting with a slash."""
    rpc: str
    """`Predict`, or the path in PascalCase."""
    input: GraphInput
    """The input of the graph behind the adapter (the request itself when there is no adapter)."""
    output: Expr
    result: Type
    examples: tuple[Mapping[str, Any], ...] = field(default=(), compare=False)
    """Requests that the user gives as examples, as JSON has them."""
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, kw_only=True)
class Graph:
    """A whole graph, ready to run or to build. `verify` has been passed."""

    name: str
    """Snake case: `quickstart`."""
    nodes: tuple[Node, ...]
    """The nodes in the order in which they were bound."""
    steps: tuple[Step, ...]
    """The steps in topological order; `steps[i].id == i`."""
    routes: tuple[Route, ...]
    """The routes in the order in which they were written."""
    adapter: Adapter | None = None
    options: Options = field(default_factory=Options, compare=False)
    """The options of the driver."""
    route_prefix: str
    """Where REST starts: `/quickstart` unless the driver's `route_prefix` says otherwise. No trailing slash
    (the empty string is the root)."""
    doc: str = field(default="", compare=False)
    source: str = field(default="", compare=False)
    """`graphs/quickstart.py:app`, relative to the project."""
    span: Span = field(default=NOWHERE, compare=False)

    @cached_property
    def by_name(self) -> Mapping[str, Node]:
        """Nodes by name."""
        return {n.name: n for n in self.nodes}

    def node(self, name: str) -> Node:
        """The node of that name; KeyError when there is none."""
        return self.by_name[name]

    @property
    def services(self) -> tuple[Node, ...]:
        """The nodes that have a service (all but the inline ones), wherever they run."""
        return tuple(n for n in self.nodes if n.published)

    def guests(self, host: str | None) -> tuple[Node, ...]:
        """The nodes that are placed in the replicas of a node, or of the driver (None)."""
        return self._by_placement.get(InDriver() if host is None else With(host), ())

    @cached_property
    def _by_placement(self) -> Mapping[Placement, tuple[Node, ...]]:
        found: dict[Placement, list[Node]] = {}
        for node in self.nodes:
            found.setdefault(node.placement, []).append(node)
        return {place: tuple(nodes) for place, nodes in found.items()}

    def has_configured_guests(self, host: str | None) -> bool:
        """Some of `guests(host)` has a `user_config`: the deployment's then holds one for each node, by name."""
        return any("user_config" in n.options.serve for n in self.guests(host))

    def request(self, route: Route) -> GraphInput:
        """What a client sends on a route: the adapter's parameters, else the graph's input."""
        if self.adapter is None:
            return route.input
        return self.adapter.request

    def ancestors(self, route: Route) -> tuple[Step, ...]:
        """Every step that a request on this route may run, in topological order (untaken branches included)."""
        wanted = set(steps_read([route.output]))
        for step in reversed(self.steps):
            if step.id in wanted:
                wanted.update(steps_read((*step.inputs, *(b.expr for b in step.branches))))
        return tuple(s for s in self.steps if s.id in wanted)
