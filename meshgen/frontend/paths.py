"""Follows recorded accesses (`.x`, `["k"]`, `[0]`) into a type, and into the input."""

from __future__ import annotations

from collections.abc import Sequence

from meshgen.errors import Diagnostic, near_match_hint
from meshgen.frontend.bound import BoundInput
from meshgen.frontend.symbolic import RecordedAccess
from meshgen.graph.model import GraphInput
from meshgen.graph.steps import Access
from meshgen.schema.model import (
    AnyValue,
    Field,
    ListOf,
    MapOf,
    Optional,
    Record,
    Ref,
    Type,
    Union,
    Unknown,
)
from meshgen.schema.reflect.reflector import reflect, reflect_field
from meshgen.source import Span

INPUT = "input"
"""Name of the one parameter of a graph whose input is not a record and has no name."""


def graph_input(bound: BoundInput, adapted: Type | None) -> GraphInput:
    """What an `InputNode` declares, as parameters; `adapted` is what the adapter returns, for an untyped one."""
    span = bound.span
    if bound.named:
        return GraphInput(params=tuple(reflect_field(n, t) for n, t in bound.named.items()), span=span)
    if len(bound.types) > 1:
        numbered = enumerate(bound.types)
        return GraphInput(params=tuple(reflect_field(f"{INPUT}_{i}", t) for i, t in numbered), span=span)
    only = reflect(bound.types[0]) if bound.types else adapted or Unknown()
    if isinstance(only, Record) and only.kind != "tuple":
        return GraphInput(params=only.fields, record=only, span=span)
    return GraphInput(params=(Field(name=INPUT, type=only),), whole=True, span=span)


def follow_input(
    declared: GraphInput, steps: Sequence[RecordedAccess], span: Span, problems: list[Diagnostic]
) -> tuple[tuple[Access, ...], Type]:
    """The path of an access to the input, as `graph.model.Input` has it, and the type at its end."""
    if declared.record is not None:
        return follow(declared.record, steps, problems)
    if declared.whole:
        only, rest = declared.params[0], steps
    else:
        found = _part(declared, steps[0].access) if steps else None
        if found is None:
            problems.append(_no_part(declared, steps, span))
            return (), Unknown()
        only, rest = found, steps[1:]
    path, end = follow(only.type, rest, problems)
    return (Access("item", only.name), *path), end


def _part(declared: GraphInput, access: Access) -> Field | None:
    name = f"{INPUT}_{access.key}" if isinstance(access.key, int) else access.key
    return next((p for p in declared.params if p.name == name), None)


def _no_part(declared: GraphInput, steps: Sequence[RecordedAccess], span: Span) -> Diagnostic:
    names = [p.name for p in declared.params]
    numbered = names == [f"{INPUT}_{i}" for i, _ in enumerate(names)]
    ways = [f"[{i}]" if numbered else f".{name}" for i, name in enumerate(names)]
    what = f"no part `{steps[0].access}`" if steps else "several parts; one of them must be picked"
    message = f"the input has {what} (it has: {', '.join(names)})"
    hint = f"Write one of {', '.join(f'`request{way}`' for way in ways)}."
    if steps and not numbered:
        hint = near_match_hint(str(steps[0].access.key), names, hint, shown="`.{}`")
    return Diagnostic(code="MG202", message=message, span=steps[0].span if steps else span, hint=hint)


def follow(start: Type, steps: Sequence[RecordedAccess], problems: list[Diagnostic]) -> tuple[tuple[Access, ...], Type]:
    """Resolve a path. After a fault the rest is unknown, so that one mistake gives one problem."""
    here = start
    path: list[Access] = []
    for step in steps:
        found = _into(here, step.access)
        if found is None:
            problems.append(_fault(here, step))
            return tuple(path), Unknown()
        access, here = found
        path.append(access)
    return tuple(path), here


def _into(here: Type, access: Access) -> tuple[Access, Type] | None:
    key = access.key
    match here:
        case Unknown():
            return access, here
        case AnyValue() if access.kind == "item":  # what JSON holds has items, and no attributes
            return access, here
        case Ref():
            return _into(here.record, access)
        case Record():
            return _into_record(here, access)
        case ListOf(item=item, container="list" | "tuple") if isinstance(key, int):
            return Access("item", key), item
        case MapOf(key=kind, value=value) if access.kind == "item" and isinstance(
            key, {"str": str, "int": int, "bool": bool}.get(kind.kind, str)
        ):
            return access, value
        case _:
            return None


def _into_record(record: Record, access: Access) -> tuple[Access, Type] | None:
    key = access.key
    if isinstance(key, int):  # only what is a tuple in Python can be indexed by a number
        if record.kind not in ("tuple", "namedtuple") or not -len(record.fields) <= key < len(record.fields):
            return None
        return Access("item", key % len(record.fields)), record.fields[key].type
    field = record.field(key)
    if field is None or record.kind == "tuple" or field.omitted:
        return None
    return Access("item" if record.kind == "typeddict" else "attr", key), field.type


def _fault(here: Type, step: RecordedAccess) -> Diagnostic:
    access, hint = step.access, ""
    match here.record if isinstance(here, Ref) else here:
        case Record(fields=fields) if any(f.omitted and f.name == access.key for f in fields):
            hint = f"Give the whole dict to a node that takes `{here}`, and look into it there."
            message = f"`{access}` looks for a key that {here} may lack (it is NotRequired)"
        case Record(fields=fields):
            names = [f.name for f in fields]
            hint = near_match_hint(str(access.key), names, f"It has: {', '.join(names)}.")
            message = f"{here} has no field `{access.key}`"
        case Optional(item=item):
            hint = f"Give the whole value to a node that takes `{here}`, and look into it there."
            message = f"`{access}` looks into a value that may be None ({item} | None)"
        case Union():
            hint = f"Give the whole value to a node that takes `{here}`, and tell the cases apart there."
            message = f"`{access}` looks into a value that is one of several ({here})"
        case AnyValue():
            hint = f"Write `[{access.key!r}]`."
            message = f"`{access}` looks into Any: what JSON holds has items, and no attributes"
        case MapOf(key=key):
            message = f"`{access}` looks into {here}, which has no such part"
            way = f"Write `[{access.key!r}]`." if access.kind == "attr" and key.kind == "str" else ""
            hint = way or f"Its keys are {key}."
        case ListOf(container="list" | "tuple"):
            message = f"`{access}` looks into {here}, which has no such part"
            hint = "Write `[0]` for one item; `map_each(...)` goes over all."
        case _:
            message = f"`{access}` looks into {here}, which has no parts"
            hint = "Give the whole value to a node, and look into it there."
    return Diagnostic(code="MG202", message=message, span=step.span, hint=hint)
