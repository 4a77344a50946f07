"""Requests that a route answers, for who tries it: the user's own, else one made up by what the graph does with it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from meshgen.graph.model import Graph, Route
from meshgen.graph.steps import Call, CallingStep, Expr, Input, MapEach, Step, Switch, sources
from meshgen.schema.example.given import UnfitError, examples_of_class
from meshgen.schema.example.request import given, made_up
from meshgen.schema.example.wanted import Wanted


def examples(graph: Graph, route: Route) -> tuple[Any, ...]:
    """Bodies as JSON; none when no body is found that keeps every rule of the contract."""
    if route.examples:
        return route.examples
    request = graph.request(route)
    fields = request.params if request.record is None else request.record.fields
    of_class = []
    for example in examples_of_class(request.record.python) if request.record else ():
        try:
            of_class.append(given(fields, request.record, example))
        except UnfitError:  # pydantic does not ask that they fit
            continue
    if of_class:
        return tuple(of_class)
    adapted = graph.adapter is not None and graph.adapter.record is None
    wanted = Wanted(whole=True) if adapted else _wanted(graph, route)
    body = made_up(fields, request.record, wanted)
    return () if body is None else (body,)


def _wanted(graph: Graph, route: Route) -> Wanted:
    """What the steps of a route do with its input."""
    root = Wanted()
    steps = graph.ancestors(route)
    for expr in (route.output, *(expr for step in steps for expr in _read(step))):
        for source in sources(expr):
            if isinstance(source, Input):
                _at(root, source).whole = True
    for step in steps:
        match step:
            case Switch(selector=Input() as selector, cases=cases):
                _at(root, selector).choices += [key for key, _ in cases]
            case Call(args=args):
                _take(graph, step, args, root)
            case MapEach(args=args, item=item, over=over):
                _take(graph, step, args, root)
                if isinstance(over, Input) and (param := _param(graph, step, item)):
                    _at(root, over).reach(0).takers.append(param)
            case _:
                continue
    return root


def _read(step: Step) -> Iterable[Expr]:
    return (*step.inputs, *(branch.expr for branch in step.branches))


def _take(graph: Graph, step: CallingStep, args: Iterable[tuple[str, Expr]], root: Wanted) -> None:
    for name, expr in args:
        if isinstance(expr, Input) and (param := _param(graph, step, name)):
            _at(root, expr).takers.append(param)


def _param(graph: Graph, step: CallingStep, name: str) -> Any:
    method = graph.node(step.node).method(step.method)
    param = method.param(name) if method else None
    return param.type if param else None


def _at(root: Wanted, source: Input) -> Wanted:
    for access in source.path:
        root = root.reach(access.key)
    return root
