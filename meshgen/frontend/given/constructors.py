"""What is wrong with the arguments of a constructor: places, number and types, as a type checker sees them.

They never travel, so any Python value may be one; nothing of the wire counts here.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from meshgen.call_sites import Site, keyword
from meshgen.errors import Diagnostic, near_match_hint, shown
from meshgen.frontend.bound import BoundNode
from meshgen.frontend.given.contents import DEEPEST, contents, is_too_deep
from meshgen.frontend.given.fitting import misfit, named
from meshgen.frontend.given.unbound import misplaced
from meshgen.frontend.signature import annotations_of
from meshgen.frontend.symbolic import ClassNode, Value
from meshgen.source import Span, is_library, of_callable


def constructor_problems(bound: BoundNode) -> Iterator[Diagnostic]:
    """Every problem; of the types only when everything else is right."""
    problems = [problem for value, site in bound.sites() for problem in _wrong_things(bound, value, site)]
    yield from problems or _wrong_arguments(bound)


def _wrong_things(bound: BoundNode, value: Any, site: Site) -> Iterator[Diagnostic]:
    name = bound.definition.target.__name__
    for content in contents(value):
        if problem := misplaced(content, "a constructor", site):
            yield problem
        elif isinstance(content.thing, Value):
            message = f"the constructor of '{name}' takes a value that only a request brings"
            yield Diagnostic(code="MG208", message=message, span=site.inside(*content.path).span)
    if is_too_deep(value):
        message = f"{shown(value)} has more than {DEEPEST} levels, or holds itself"
        yield Diagnostic(code="MG211", message=message, span=site.span, hint="Make it inside the constructor.")


def _wrong_arguments(bound: BoundNode) -> Iterator[Diagnostic]:
    target = bound.definition.target
    try:
        signature = inspect.signature(target)
    except (TypeError, ValueError):  # no signature to be had (a class written in C)
        return
    try:
        signature.bind(*bound.args, **bound.kwargs)
    except TypeError as error:
        yield _misfitting(bound, signature, str(error))
        return
    hints = annotations_of(target.__init__) if inspect.isfunction(target.__init__) else {}
    for value, site in bound.sites():
        parameter = _parameter(signature, site)
        if parameter is None or parameter.name not in hints or value is parameter.default:
            continue
        found = misfit(value, hints[parameter.name])
        if found is not None:
            given = _given(found.value)
            message = (
                f"the constructor of '{target.__name__}' takes {named(found.wanted)} for `{parameter.name}`, {given}"
            )
            way = _way_out(found.value, found.wanted, of_callable(target.__init__), bound.span)
            yield Diagnostic(code="MG203", message=message, span=site.inside(*found.path).span, hint=way)


def _misfitting(bound: BoundNode, signature: inspect.Signature, fault: str) -> Diagnostic:
    message = f"the constructor of '{bound.definition.target.__name__}' does not take these arguments: {fault}"
    names = [*signature.parameters]
    site, hint = Site(bound.span), f"It takes: {', '.join(names) or 'nothing'}."
    odd = next((name for name in bound.kwargs if name not in names), None)
    if odd is not None and f"'{odd}'" in fault:
        site = keyword(bound.span, odd)
        hint = near_match_hint(odd, [name for name in names if name not in bound.kwargs], hint)
    elif "too many positional" in fault and len(bound.args) > len(names):
        site = Site(bound.span, (len(names),))
    return Diagnostic(code="MG204", message=message, span=site.span, hint=hint)


def _parameter(signature: inspect.Signature, site: Site) -> inspect.Parameter | None:
    """The parameter behind an argument; those of `*args` and `**kwargs` have one together."""
    which, every = site.which[0], [*signature.parameters.values()]
    if isinstance(which, str):
        rest = next((p for p in every if p.kind is p.VAR_KEYWORD), None)
        return signature.parameters.get(which, rest)
    positional = [p for p in every if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    rest = next((p for p in every if p.kind is p.VAR_POSITIONAL), None)
    return positional[which] if which < len(positional) else rest


def _given(value: Any) -> str:
    if isinstance(value, ClassNode):
        return f"a node of '{value._meshgen_node.definition.target.__name__}' is given"
    return f"{shown(value)} is given"


def _way_out(value: Any, wanted: Any, init: Span, call: Span) -> str:
    name = named(wanted)
    if name.startswith("a handle to '"):
        return f"Give a node: `{name.removeprefix('a handle to ').strip(chr(39))}.bind(...)`."
    if is_library(init.file) or init.line == 0:
        init = call
    what = "node" if isinstance(value, ClassNode) else "value"
    return f"Give another {what}, or change the annotation at {init}."
