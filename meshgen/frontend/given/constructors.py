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
from meshgen.source import Span, of_callable


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
    else:
        yield from _misfits(bound, signature)


def _misfits(bound: BoundNode, signature: inspect.Signature) -> Iterator[Diagnostic]:
    target = bound.definition.target
    hints = annotations_of(target.__init__) if inspect.isfunction(target.__init__) else {}
    typed: list[tuple[Any, Site, str]] = []
    for value, site in bound.sites():
        parameter = _parameter(signature, site)
        if parameter is not None and parameter.name in hints and value is not parameter.default:
            typed.append((value, site, parameter.name))
    wrong = [(*each, found) for each in typed if (found := misfit(each[0], hints[each[2]])) is not None]
    if len(wrong) == 2:
        (one, site, first, _), (other, _, second, _) = wrong
        if misfit(one, hints[second]) is None and misfit(other, hints[first]) is None:
            message = f"the constructor of '{target.__name__}' is given `{first}` and `{second}` in each other's place"
            yield Diagnostic(code="MG203", message=message, span=site.span, hint="Swap them.")
            return
    for _, site, name, found in wrong:
        what = f"the constructor of '{target.__name__}' takes {named(found.wanted)} for `{name}`"
        way = _way_out(found.value, found.wanted, of_callable(target.__init__), bound.span)
        span = site.inside(*found.path).span
        yield Diagnostic(code="MG203", message=f"{what}, {_given(found.value)}", span=span, hint=way)


def _misfitting(bound: BoundNode, signature: inspect.Signature, fault: str) -> Diagnostic:
    names = [*signature.parameters]
    odd = next((n for n in bound.kwargs if n not in names), None)
    site, hint = Site(bound.span), f"It takes: {', '.join(names) or 'nothing'}."
    if odd is not None and all(p.kind is not p.VAR_KEYWORD for p in signature.parameters.values()):
        site, fault = keyword(bound.span, odd), f"got an unexpected keyword argument '{odd}'"
        hint = near_match_hint(odd, [n for n in names if n not in bound.kwargs], hint)
    elif "too many positional" in fault:
        kinds = [p.kind for p in signature.parameters.values()]
        most = len(names) - kinds.count(inspect.Parameter.KEYWORD_ONLY)
        site = Site(bound.span, (most,))
        named_only = ", ".join(f"`{name}=...`" for name in names[most:])
        hint = f"Give by name what stands after the `*`: {named_only}." if named_only else hint
    message = f"the constructor of '{bound.definition.target.__name__}' does not take these arguments: {fault}"
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
    if type(value) is ClassNode:
        return f"a node of '{value._meshgen_node.definition.target.__name__}' is given"
    return f"{shown(value)} is given"


def _way_out(value: Any, wanted: Any, init: Span, call: Span) -> str:
    name = named(wanted)
    if name.startswith("a handle to '"):
        return f"Give a node: `{name.removeprefix('a handle to ').strip(chr(39))}.bind(...)`."
    what = "node" if type(value) is ClassNode else "value"
    return f"Give another {what}, or change the annotation at {init if init.is_users else call}."
