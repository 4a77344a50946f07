"""What must hold for every graph: small named rules over the frozen form. All problems of a run are collected."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TypeAlias, assert_never

from meshgen.errors import Diagnostic
from meshgen.graph.members import member
from meshgen.graph.model import Graph, GraphInput, Node
from meshgen.graph.placement import hosts_exist, options_apply, processes_acyclic
from meshgen.graph.steps import CallingStep, Const, Entries, Expr, Input, Items, Result, Switch
from meshgen.schema.check.requests import request_check
from meshgen.schema.model import (
    AnyValue,
    Choice,
    EnumOf,
    Field,
    ListOf,
    MapOf,
    Optional,
    Record,
    Ref,
    Scalar,
    Type,
    Union,
    Unknown,
)
from meshgen.schema.relate.assignable import feeds, holds
from meshgen.source import Span
from meshgen.status import InvalidArgument

Rule: TypeAlias = Callable[[Graph], Iterator[Diagnostic]]


def verify(graph: Graph) -> tuple[Diagnostic, ...]:
    """Every problem of a graph."""
    return tuple(problem for rule in RULES for problem in rule(graph))


def edges_fit(graph: Graph) -> Iterator[Diagnostic]:
    """Each argument is of a type that its parameter takes."""
    for step in graph.steps:
        if not isinstance(step, CallingStep):
            continue
        method = graph.node(step.node).method(step.method)
        if method is None:
            continue
        for name, expr in step.args:
            param = method.param(name)
            if param is None:
                continue
            if fault := _fault(graph, expr, param.type):
                message = f"'{step.node}.{name}' takes {param.type}, {fault}"
                yield Diagnostic(code="MG203", message=message, span=step.span, hint=_way_out(graph, expr, method.span))
            elif broken := _broken_rules(param, expr):
                message = f"'{step.node}.{name}' is given a value that its constraints refuse: {broken}"
                yield Diagnostic(code="MG203", message=message, span=step.span, hint="Give another value.")


def selectors_fit(graph: Graph) -> Iterator[Diagnostic]:
    """A switch's cases are values that its selector can have."""
    for step in graph.steps:
        if not isinstance(step, Switch):
            continue
        selector = type_of(step.selector)
        if isinstance(selector, Unknown):
            continue
        if not isinstance(selector, Choice | EnumOf) and not (
            isinstance(selector, Scalar) and selector.kind in ("bool", "int", "int32", "str")
        ):
            message = f"a switch selects by bool, int, str, enum or Literal, not by {selector}"
            yield Diagnostic(code="MG214", message=message, span=step.span)
            continue
        for key, _ in step.cases:
            if not holds(key, selector):
                message = f"the case {key!r} can never be taken: the selector is {selector}"
                yield Diagnostic(code="MG214", message=message, span=step.span)


def routes_differ(graph: Graph) -> Iterator[Diagnostic]:
    """Each route has an rpc of its own."""
    for rpc, count in Counter(r.rpc for r in graph.routes).items():
        if count > 1:
            paths = ", ".join(repr(r.path) for r in graph.routes if r.rpc == rpc)
            message = f"the routes {paths} would all be the rpc `{rpc}`"
            yield Diagnostic(code="MG213", message=message, span=graph.span)


def adapter_fits(graph: Graph) -> Iterator[Diagnostic]:
    """The adapter returns what the graph takes."""
    if graph.adapter is None:
        return
    made = graph.adapter.method.result
    for route in graph.routes:
        wanted = _whole(route.input)
        if wanted is None or not feeds(made, wanted):
            parts = ", ".join(f"{p.name}: {p.type}" for p in route.input.params)
            message = f"the input adapter returns {made}, the graph takes {wanted or parts}"
            yield Diagnostic(code="MG221", message=message, span=graph.adapter.method.span)


def handles_acyclic(graph: Graph) -> Iterator[Diagnostic]:
    """No node can reach itself through handles: it would wait for itself."""
    for node in graph.nodes:
        seen: set[str] = set()
        waiting = list(node.may_call)
        while waiting:
            name = waiting.pop()
            if name == node.name:
                message = f"'{node.name}' holds a handle that leads back to itself"
                yield Diagnostic(code="MG220", message=message, span=node.span)
                break
            if name not in seen:
                seen.add(name)
                waiting += graph.node(name).may_call


def configs_are_taken(graph: Graph) -> Iterator[Diagnostic]:
    """A `user_config` is for the method `reconfigure` of a class."""
    if graph.options.serve.get("user_config") is not None:
        message = "the driver is given a `user_config`, and has no code of yours that could take it"
        yield Diagnostic(code="MG222", message=message, span=graph.span, hint="Give it to a node.")
    for node in graph.services:
        if (config := node.options.serve.get("user_config")) is not None and (fault := _not_taken(node, config)):
            message = f"node '{node.name}' is given a `user_config`, but {fault}"
            hint = "Write `def reconfigure(self, config)` in a class, or give its constructor the values."
            yield Diagnostic(code="MG222", message=message, span=node.span, hint=hint)


def _not_taken(node: Node, config: object) -> str:
    """Why a node cannot take its `user_config`; empty when it can."""
    if not isinstance(node.target, type):
        return "is a function, which keeps none"
    found = member(node.target, "reconfigure")
    if found is None:
        return f"'{node.target.__name__}' has no method `reconfigure`"
    try:
        inspect.signature(found.function).bind(*(None,) * found.skip_self, config)
    except TypeError as error:
        return f"its `reconfigure` does not take one argument: {error}"
    except ValueError:  # a function in C that does not say
        pass
    return ""


RULES: tuple[Rule, ...] = (
    configs_are_taken,
    edges_fit,
    selectors_fit,
    routes_differ,
    adapter_fits,
    handles_acyclic,
    hosts_exist,
    options_apply,
    processes_acyclic,
)


def type_of(expr: Expr) -> Type:
    """The type of an expression; unknown for constants and dicts, which are checked by value."""
    match expr:
        case Input(type=known) | Result(type=known):
            return known
        case Items(items=items):
            types = {type_of(i) for i in items}
            return ListOf(types.pop()) if len(types) == 1 else Unknown()
        case Const() | Entries():
            return Unknown()
        case _:
            assert_never(expr)


def _fault(graph: Graph, expr: Expr, target: Type) -> str:  # noqa: C901 - one case per pair
    """Why an expression does not fit a parameter; empty when it does."""
    match expr, target:
        case (Items() | Entries(), Unknown()):
            return ""
        case (Items() | Entries(), Optional(item=item)):
            return _fault(graph, expr, item)
        case (Items() | Entries(), Ref()):
            return _fault(graph, expr, target.record)
        case (Items() | Entries(), Union(members=members)):
            faults = [_fault(graph, expr, m) for m in members]
            return "" if "" in faults else _given(expr)
        case Items(items=items, container="list"), AnyValue():
            return next((f for i in items if (f := _fault(graph, i, target))), "")
        case Entries(entries=entries), AnyValue() if all(isinstance(k, str) for k, _ in entries):
            return next((f for _, e in entries if (f := _fault(graph, e, target))), "")
        case Items(items=items, container=container), ListOf(item=item, container=wanted) if container == wanted or (
            target.abstract and wanted == "list"
        ):
            return next((f for i in items if (f := _fault(graph, i, item))), "")
        case Items(items=items, container="tuple"), Record(kind="tuple", fields=fields) if len(items) == len(fields):
            pairs = zip(items, fields, strict=True)
            return next((f for i, field in pairs if (f := _fault(graph, i, field.type))), "")
        case Entries(entries=entries), MapOf(value=value):
            return next((f for _, e in entries if (f := _fault(graph, e, value))), "")
        case Entries(entries=entries), Record(kind="typeddict", fields=fields):
            given = dict(entries)
            missing = [f.name for f in fields if f.name not in given and not f.omitted]
            if missing:
                return f"a dict without `{missing[0]}` is given"
            if surplus := [key for key in given if target.field(key) is None]:
                return f"a dict with `{surplus[0]}` is given, which {target} does not have"
            there = [f for f in fields if f.name in given]
            return next((f for field in there if (f := _fault(graph, given[field.name], field.type))), "")
        case (Items() | Entries(), _):
            return _given(expr)
        case Const(value=value), _:
            return "" if holds(value, target) else f"{value!r} is given"
        case _:
            source = type_of(expr)
            return "" if feeds(source, target) else f"{_name(graph, expr)} gives {source}"


def _broken_rules(param: Field, expr: Expr) -> str:
    """What a constant breaks; a request would break it each time."""
    check = request_check((param,)) if isinstance(expr, Const) else None
    if check is None or not isinstance(expr, Const):
        return ""
    try:
        check({param.name: expr.value})
    except InvalidArgument as error:
        return error.message
    return ""


def _given(expr: Items | Entries) -> str:
    kind = "dict" if isinstance(expr, Entries) else f"{expr.container} of {len(expr.items)}"
    return f"a {kind} is given"


def _name(graph: Graph, expr: Expr) -> str:
    """An expression in the user's terms."""
    match expr:
        case Input(path=path):
            return f"'input{''.join(map(str, path))}'"
        case Result(step=index, path=path):
            return f"'{graph.steps[index].name}{''.join(map(str, path))}'"
        case _:
            return "the argument"


def _whole(declared: GraphInput) -> Type | None:
    """The input as one value; None when it has several parts."""
    if declared.record is not None:
        return declared.record
    return declared.params[0].type if len(declared.params) == 1 else None


def _way_out(graph: Graph, expr: Expr, target: Span) -> str:
    if not isinstance(expr, Result):
        return ""
    step = graph.steps[expr.step]
    if isinstance(step, CallingStep):
        method = graph.node(step.node).method(step.method)
        if method is not None:
            return f"Change one of the two annotations: the result at {method.span}, the parameter at {target}."
    return ""
