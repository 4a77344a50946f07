"""Bound calls → steps: arguments by parameter name, paths resolved, types followed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never, cast

from meshgen.errors import Diagnostic
from meshgen.frontend.driver import InputNode
from meshgen.frontend.nodes import NodeTable
from meshgen.frontend.order import Ordered, contained, misplaced
from meshgen.frontend.paths import follow, follow_input, graph_input
from meshgen.frontend.symbolic import Bound, BoundCall, BoundInput, BoundMap, BoundSwitch, ClassNode, Value
from meshgen.graph.model import GraphInput, Method
from meshgen.graph.steps import Call, Const, Entries, Expr, Input, Items, MapEach, Result, Step, Switch
from meshgen.schema.model import ListOf, Type, Unknown
from meshgen.schema.relate.assignable import feeds
from meshgen.source import Span


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
        return Call(
            id=self._ids[id(bound)],
            node=self._nodes.name(bound.node),
            method=bound.method,
            args=self._arguments(bound, method, bound.args),
            policy=bound.node.definition.options.policy,
            result=method.result if method else Unknown(),
            span=bound.span,
        )

    def _map(self, bound: BoundMap) -> MapEach:
        method = self._nodes.method(bound.node, bound.method)
        over, listed = self._expr(bound.over, bound.span)
        free = [p.name for p in method.params if p.name not in bound.kwargs] if method else ["?"]
        if not free:
            message = f"map_each(...) gives '{bound.method}' all its arguments; the item has no place to go"
            self._problems.append(Diagnostic(code="MG215", message=message, span=bound.span))
        item = free[0] if free else "?"
        self._check_item(bound, method, item, listed)
        return MapEach(
            id=self._ids[id(bound)],
            node=self._nodes.name(bound.node),
            method=bound.method,
            item=item,
            over=over,
            args=self._arguments(bound, method, (), given={item}),
            policy=bound.node.definition.options.policy,
            max_concurrency=bound.max_concurrency,
            result=ListOf(method.result) if method and not isinstance(method.result, Unknown) else Unknown(),
            span=bound.span,
        )

    def _check_item(self, bound: BoundMap, method: Method | None, item: str, listed: Type) -> None:
        if isinstance(listed, Unknown):
            return
        if not isinstance(listed, ListOf):
            message = f"map_each(...) goes over a list, but `over` is {listed}"
            self._problems.append(Diagnostic(code="MG215", message=message, span=bound.span))
            return
        param = method.param(item) if method else None
        if param is not None and not feeds(listed.item, param.type):
            name = f"{self._nodes.name(bound.node)}.{item}"
            message = f"'{name}' takes {param.type}, the items of `over` are {listed.item}"
            self._problems.append(Diagnostic(code="MG203", message=message, span=bound.span))

    def _switch(self, bound: BoundSwitch) -> Switch:
        selector, _ = self._expr(bound.selector, bound.span)
        cases = [(key, *self._expr(value, bound.span)) for key, value in bound.cases.items()]
        default = self._expr(bound.default, bound.span) if bound.has_default else None
        types = [t for _, _, t in cases] + ([default[1]] if default else [])
        return Switch(
            id=self._ids[id(bound)],
            selector=selector,
            cases=tuple((key, expr) for key, expr, _ in cases),
            default=default[0] if default else None,
            result=self._common_type(types, bound.span),
            span=bound.span,
        )

    def _common_type(self, types: list[Type], span: Span) -> Type:
        """The one type that all branches yield."""
        for candidate in types:
            if all(feeds(t, candidate) for t in types):
                return Unknown() if any(isinstance(t, Unknown) for t in types) else candidate
        shown = ", ".join(sorted({str(t) for t in types}))
        message = f"the branches of this switch yield different types: {shown}"
        self._problems.append(Diagnostic(code="MG214", message=message, span=span))
        return Unknown()

    def _arguments(
        self, bound: BoundCall | BoundMap, method: Method | None, args: tuple[Any, ...], given: set[str] | None = None
    ) -> tuple[tuple[str, Expr], ...]:
        if method is None:
            for value in (*args, *bound.kwargs.values()):  # their own problems count, too
                self._expr(value, bound.span)
            return ()
        names = [p.name for p in method.params]
        where = f"'{self._nodes.label(bound.node, method)}'"
        if self._nodes.is_open(bound.node, method):
            return ()
        if len(args) > len(names):
            message = f"{where} takes {len(names)} arguments, {len(args)} are given"
            self._problems.append(Diagnostic(code="MG204", message=message, span=bound.span))
        values = dict(zip(names, args, strict=False))
        for name, value in bound.kwargs.items():
            if name in values or name not in names:
                fault = "gets two values for" if name in values else "has no parameter"
                message = f"{where} {fault} `{name}`"
                hint = f"It takes: {', '.join(names) or 'nothing'}."
                self._problems.append(Diagnostic(code="MG204", message=message, span=bound.span, hint=hint))
            else:
                values[name] = value
        self._missing(method, where, values.keys() | (given or set()), bound.span)
        return tuple((n, self._expr(values[n], bound.span)[0]) for n in names if n in values)

    def _missing(self, method: Method, where: str, given: Any, span: Span) -> None:
        missing = [p.name for p in method.params if not p.has_default and p.name not in given]
        if missing:
            message = f"{where} is not given `{'`, `'.join(missing)}`"
            self._problems.append(Diagnostic(code="MG204", message=message, span=span))

    def _expr(self, value: Any, span: Span) -> tuple[Expr, Type]:
        if isinstance(value, Value):
            return self._value(value)
        if isinstance(value, ClassNode | InputNode):
            return self._not_a_value(value, span)
        if holder := misplaced(value):
            message = f"a value of the graph is inside a {holder}; only lists, tuples and dicts may hold one"
            hint = f"Give its parts as arguments, and make the {holder} inside a node."
            self._problems.append(Diagnostic(code="MG211", message=message, span=span, hint=hint))
            return Input(), Unknown()
        if not any(True for _ in contained(value)):
            return Const(value), Unknown()
        if isinstance(value, Mapping):
            return Entries(tuple((k, self._expr(v, span)[0]) for k, v in value.items())), Unknown()
        items = [self._expr(v, span) for v in value]
        container = "tuple" if isinstance(value, tuple) else "list"
        types = {t for _, t in items}
        listed = ListOf(types.pop()) if len(types) == 1 and container == "list" else Unknown()
        return Items(tuple(e for e, _ in items), cast("Any", container)), listed

    def _not_a_value(self, value: ClassNode | InputNode, span: Span) -> tuple[Expr, Type]:
        if isinstance(value, InputNode):
            message = "an InputNode is given where a value is needed"
            hint = "Write `with InputNode(...) as request:` and use `request`."
        else:
            name = value._meshgen_node.definition.target.__name__
            message = f"the class node '{name}' is given to a call; only a constructor takes it, as a handle"
            hint = "Bind one of its methods and give what that returns, or give the node to a constructor."
        self._problems.append(Diagnostic(code="MG211", message=message, span=span, hint=hint))
        return Input(), Unknown()

    def _value(self, value: Value) -> tuple[Expr, Type]:
        source, steps = value._meshgen_source, value._meshgen_path
        if isinstance(source, BoundInput):
            path, end = follow_input(self.input(source), steps, value._meshgen_span, self._problems)
            return Input(path, end), end
        path, end = follow(self._types[id(source)], steps, self._problems)
        return Result(self._ids[id(source)], path, end), end
