"""What must hold for every graph: small named rules over the frozen form. All problems of a run are collected."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias, assert_never

from meshgen.call_sites import Site
from meshgen.errors import Diagnostic, near_match_hint, shown
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
        method = graph.node(step.node).method(step.method) if isinstance(step, CallingStep) else None
        if method is None or not isinstance(step, CallingStep):
            continue
        taken = [(param, expr) for name, expr in step.args if (param := method.param(name)) is not None]
        given = [(param, expr, _fault(graph, expr, param.type)) for param, expr in taken]
        wrong = [(param, expr, fault) for param, expr, fault in given if fault is not None]
        fitting = [(param, expr) for param, expr, fault in given if fault is None]
        if swapped := _swapped(graph, step, wrong):
            yield swapped
            continue
        for param, expr, fault in wrong:
            message = f"'{step.node}.{param.name}' takes {param.type}, {fault}"
            span, hint = _site(step, param).inside(*fault.path).span, _way_out(graph, expr, method.span)
            yield Diagnostic(code="MG203", message=message, span=span, hint=hint)
        for param, expr in fitting:
            if broken := _broken_rules(param, expr):
                message = f"'{step.node}.{param.name}' is given a value that its constraints refuse: {broken}"
                yield Diagnostic(
                    code="MG203", message=message, span=_site(step, param).span, hint="Give another value."
                )


def _site(step: CallingStep, param: Field) -> Site:
    return step.sites.get(param.name, Site(step.span))


def _swapped(graph: Graph, step: CallingStep, wrong: list[tuple[Field, Expr, _Fault]]) -> Diagnostic | None:
    """Two arguments that fit each other's parameter are one mistake."""
    if len(wrong) != 2:
        return None
    (first, one, fault), (second, other, _) = wrong
    if _fault(graph, one, second.type) or _fault(graph, other, first.type):
        return None
    message = (
        f"'{step.node}' is given `{first.name}` and `{second.name}` in each other's place: {fault} for {first.type}"
    )
    return Diagnostic(code="MG203", message=message, span=_site(step, first).span, hint="Swap them.")


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
            yield Diagnostic(code="MG214", message=message, span=Site(step.span, (0, "selector")).span)
            continue
        for key, _ in step.cases:
            if not holds(key, selector):
                message = f"the case {shown(key)} can never be taken: the selector is {selector}"
                span = Site(step.span, (1, "cases")).key(key).span
                yield Diagnostic(code="MG214", message=message, span=span, hint=_other_case(key, selector))


def routes_differ(graph: Graph) -> Iterator[Diagnostic]:
    """Each route has an rpc of its own."""
    for rpc, count in Counter(r.rpc for r in graph.routes).items():
        if count > 1:
            paths = ", ".join(repr(r.path) for r in graph.routes if r.rpc == rpc)
            message = f"the routes {paths} would all be the rpc `{rpc}`"
            second = [r.path for r in graph.routes if r.rpc == rpc][1]
            yield Diagnostic(code="MG213", message=message, span=Site(graph.span, (0, "graph")).key(second).span)


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


@dataclass(frozen=True, slots=True)
class _Fault:
    """Why an expression does not fit, and which part of it does not."""

    text: str
    path: tuple[Any, ...] = ()

    def __str__(self) -> str:
        return self.text


def _fault(graph: Graph, expr: Expr, target: Type) -> _Fault | None:  # noqa: C901 - one case per pair
    """Why an expression does not fit a parameter; None when it does."""
    match expr, target:
        case (Items() | Entries(), Unknown()):
            return None
        case (Items() | Entries(), Optional(item=item)):
            return _fault(graph, expr, item)
        case (Items() | Entries(), Ref()):
            return _fault(graph, expr, target.record)
        case (Items() | Entries(), Union(members=members)):
            faults = [_fault(graph, expr, m) for m in members]
            return None if None in faults else _given(expr)
        case Items(items=items, container="list"), AnyValue():
            return _first(graph, ((n, i, target) for n, i in enumerate(items)))
        case Entries(entries=entries), AnyValue() if all(isinstance(k, str) for k, _ in entries):
            return _first(graph, ((k, e, target) for k, e in entries))
        case Items(items=items, container=container), ListOf(item=item, container=wanted) if container == wanted or (
            target.abstract and wanted == "list"
        ):
            return _first(graph, ((n, i, item) for n, i in enumerate(items)))
        case Items(items=items, container="tuple"), Record(kind="tuple", fields=fields) if len(items) == len(fields):
            return _first(graph, ((n, i, f.type) for n, (i, f) in enumerate(zip(items, fields, strict=True))))
        case Entries(entries=entries), MapOf(value=value):
            return _first(graph, ((k, e, value) for k, e in entries))
        case Entries(entries=entries), Record(kind="typeddict", fields=fields):
            given = dict(entries)
            missing = [f.name for f in fields if f.name not in given and not f.omitted]
            if missing:
                return _Fault(f"a dict without `{missing[0]}` is given")
            if surplus := [key for key in given if target.field(key) is None]:
                return _Fault(f"a dict with `{surplus[0]}` is given, which {target} does not have")
            return _first(graph, ((f.name, given[f.name], f.type) for f in fields if f.name in given))
        case (Items() | Entries(), _):
            return _given(expr)
        case Const(value=value), _:
            return None if holds(value, target) else _Fault(f"{shown(value)} is given")
        case _:
            source = type_of(expr)
            return None if feeds(source, target) else _Fault(f"{_name(graph, expr)} gives {source}")


def _first(graph: Graph, parts: Iterable[tuple[Any, Expr, Type]]) -> _Fault | None:
    """The first fault among the parts of an expression."""
    for key, expr, target in parts:
        if found := _fault(graph, expr, target):
            return _Fault(found.text, (key, *found.path))
    return None


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


def _given(expr: Items | Entries) -> _Fault:
    kind = "dict" if isinstance(expr, Entries) else f"{expr.container} of {len(expr.items)}"
    return _Fault(f"a {kind} is given")


def _other_case(key: Any, selector: Type) -> str:
    """The case that was probably meant."""
    match selector, key:
        case Choice(values=values), str():
            return near_match_hint(key, [str(v) for v in values], shown='`"{}"`')
        case EnumOf(python=python), _:
            name = key.name if isinstance(key, Enum) else str(key)
            return near_match_hint(name, [m.name for m in python], shown=f"`{python.__name__}.{{}}`")
        case _:
            return ""


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
    if isinstance(expr, Const):
        if callable(expr.value):
            return "Decorate it with `@deployment`, and bind it: `.bind(...)`."
        return f"Give another value, or change the annotation at {target}."
    if not isinstance(expr, Result):
        return ""
    step = graph.steps[expr.step]
    if isinstance(step, CallingStep):
        method = graph.node(step.node).method(step.method)
        if method is not None:
            return f"Change one of the two annotations: the result at {method.span}, the parameter at {target}."
    return ""
