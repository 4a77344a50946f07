"""Bound calls → steps: arguments by parameter name, paths resolved, types followed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never, cast

from meshgen.call_sites import Site
from meshgen.errors import Diagnostic, shown
from meshgen.frontend.bound import Bound, BoundCall, BoundInput, BoundMap, BoundSwitch
from meshgen.frontend.given.arguments import Given
from meshgen.frontend.given.branches import Branch, common_type
from meshgen.frontend.given.contents import DEEPEST, contents, is_too_deep
from meshgen.frontend.given.unbound import Taker, misplaced
from meshgen.frontend.nodes import NodeTable
from meshgen.frontend.order import Ordered
from meshgen.frontend.paths import follow, follow_input, graph_input
from meshgen.frontend.symbolic import Value
from meshgen.graph.model import GraphInput, Method
from meshgen.graph.steps import Call, Const, Entries, Expr, Input, Items, MapEach, Result, Step, Switch
from meshgen.schema.model import ListOf, Type, Unknown
from meshgen.schema.relate.assignable import feeds, holds


class Lowering:
    """Steps of one graph; asks the node table for names and methods."""

    def __init__(self, nodes: NodeTable, ordered: Ordered, adapted: Type | None, problems: list[Diagnostic]) -> None:
        self._nodes = nodes
        self._adapted = adapted
        self._ordered = ordered
        self._problems = problems
        self._ids = {id(step): i for i, step in enumerate(ordered.steps)}
        self._types: dict[int, Type] = {}
        self._inputs: dict[int, GraphInput] = {}

    def steps(self) -> tuple[Step, ...]:
        """Every step, in order."""
        return tuple(self._step(s) for s in self._ordered.steps)

    def input(self, bound: BoundInput) -> GraphInput:
        """What an InputNode declares."""
        if id(bound) not in self._inputs:
            self._inputs[id(bound)] = graph_input(bound, self._adapted)
        return self._inputs[id(bound)]

    def output(self, value: Value) -> tuple[Expr, Type]:
        """A route's output and its type."""
        return self._value(value)

    def _step(self, bound: Bound) -> Step:
        match bound:
            case BoundCall():
                step: Step = self._call(bound)
            case BoundSwitch():
                step = self._switch(bound)
            case BoundMap():
                step = self._map(bound)
            case _:
                assert_never(bound)
        self._types[id(bound)] = step.result
        return step

    def _call(self, bound: BoundCall) -> Call:
        method = self._nodes.method(bound.node, bound.method)
        args, sites = self._arguments(bound, method, Given(bound.span, bound.args, bound.kwargs))
        return Call(
            id=self._ids[id(bound)],
            node=self._nodes.name(bound.node),
            method=bound.method,
            args=args,
            sites=sites,
            policy=bound.node.definition.options.policy,
            result=method.result if method else Unknown(),
            span=bound.span,
        )

    def _map(self, bound: BoundMap) -> MapEach:
        method = self._nodes.method(bound.node, bound.method)
        over, listed = self._expr(bound.over, "map_each", Site(bound.span, ("over",)))
        free = [p.name for p in method.params if p.name not in bound.kwargs] if method else ["?"]
        if not free:
            message = f"map_each(...) gives '{bound.method}' all its arguments; the item has no place to go"
            self._problems.append(Diagnostic(code="MG215", message=message, span=bound.span))
        item = free[0] if free else "?"
        self._check_item(bound, method, item, over, listed)
        args, sites = self._arguments(bound, method, Given(bound.span, (), bound.kwargs, {item}))
        return MapEach(
            id=self._ids[id(bound)],
            node=self._nodes.name(bound.node),
            method=bound.method,
            item=item,
            over=over,
            args=args,
            sites=sites,
            policy=bound.node.definition.options.policy,
            max_concurrency=bound.max_concurrency,
            result=ListOf(method.result) if method and not isinstance(method.result, Unknown) else Unknown(),
            span=bound.span,
        )

    def _check_item(self, bound: BoundMap, method: Method | None, item: str, over: Expr, listed: Type) -> None:
        site = Site(bound.span, ("over",))
        param = method.param(item) if method else None
        name = f"{self._nodes.name(bound.node)}.{item}"
        if isinstance(over, Const):
            if not isinstance(over.value, list | tuple):
                self._report("MG215", f"map_each(...) goes over a list, but `over` is {shown(over.value)}", site)
                return
            wrong = [i for i, v in enumerate(over.value) if param is not None and not holds(v, param.type)]
            if param is not None and wrong:
                message = f"'{name}' takes {param.type}, {shown(over.value[wrong[0]])} is an item of `over`"
                self._report("MG203", message, site.inside(wrong[0]), "Give other values.")
        elif not isinstance(listed, ListOf | Unknown):
            self._report("MG215", f"map_each(...) goes over a list, but `over` is {listed}", site)
        elif isinstance(listed, ListOf) and param is not None and not feeds(listed.item, param.type):
            self._report("MG203", f"'{name}' takes {param.type}, the items of `over` are {listed.item}", site)

    def _switch(self, bound: BoundSwitch) -> Switch:
        selector, _ = self._expr(bound.selector, "a switch", Site(bound.span, (0, "selector")))
        where = Site(bound.span, (1, "cases"))
        cases = [Branch(f"case {shown(k)}", *self._branch(v, where.inside(k))) for k, v in bound.cases.items()]
        default = [Branch("default", *self._branch(bound.default, Site(bound.span, ("default",))))]
        branches = [*cases, *(default if bound.has_default else ())]
        return Switch(
            id=self._ids[id(bound)],
            selector=selector,
            cases=tuple(zip(bound.cases, (b.expr for b in cases), strict=True)),
            default=default[0].expr if bound.has_default else None,
            result=common_type(branches, Site(bound.span), self._problems),
            span=bound.span,
        )

    def _branch(self, value: Any, site: Site) -> tuple[Expr, Type, Site]:
        return (*self._expr(value, "a switch", site), site)

    def _arguments(
        self, bound: BoundCall | BoundMap, method: Method | None, given: Given
    ) -> tuple[tuple[tuple[str, Expr], ...], Mapping[str, Site]]:
        if method is None or self._nodes.is_open(bound.node, method):
            for value, site in bound.sites():  # their own problems count, too
                self._expr(value, "a call", site)
            return (), {}
        self._problems.extend(given.problems(method, f"'{self._nodes.label(bound.node, method)}'"))
        found = given.by_parameter(method)
        args = tuple((name, self._expr(a.value, "a call", a.site)[0]) for name, a in found.items())
        order = [p.name for p in method.params]
        return tuple(sorted(args, key=lambda a: order.index(a[0]))), {name: a.site for name, a in found.items()}

    def _expr(self, value: Any, taker: Taker, site: Site) -> tuple[Expr, Type]:
        if type(value) is Value:  # `isinstance` would ask the value itself
            return self._value(value)
        inside = [*contents(value)]
        problems = [p for content in inside if (p := misplaced(content, taker, site))]
        if not problems and is_too_deep(value):
            message = f"{shown(value)} has more than {DEEPEST} levels, or holds itself"
            problems = [Diagnostic(code="MG211", message=message, span=site.span, hint="Make it inside a node.")]
        if problems:
            self._problems.extend(problems)
            return Input(), Unknown()
        return self._literal(value) if inside else (Const(value), Unknown())

    def _literal(self, value: Any) -> tuple[Expr, Type]:
        """What has values of the graph in it, all in places where they may be."""
        if isinstance(value, Value):
            return self._value(value)
        if isinstance(value, Mapping):
            return Entries(tuple((k, self._literal(v)[0]) for k, v in value.items())), Unknown()
        if not isinstance(value, list | tuple) or not any(True for _ in contents(value)):
            return Const(value), Unknown()
        items = [self._literal(v) for v in value]
        container = "tuple" if isinstance(value, tuple) else "list"
        types = {t for _, t in items}
        listed = ListOf(types.pop()) if len(types) == 1 and container == "list" else Unknown()
        return Items(tuple(e for e, _ in items), cast("Any", container)), listed

    def _value(self, value: Value) -> tuple[Expr, Type]:
        source, steps = value._meshgen_source, value._meshgen_path
        if isinstance(source, BoundInput):
            path, end = follow_input(self.input(source), steps, value._meshgen_span, self._problems)
            return Input(path, end), end
        path, end = follow(self._types[id(source)], steps, self._problems)
        return Result(self._ids[id(source)], path, end), end

    def _report(self, code: str, message: str, site: Site, hint: str = "") -> None:
        self._problems.append(Diagnostic(code=code, message=message, span=site.span, hint=hint))
