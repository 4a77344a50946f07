"""Parts of a contract → where the user wrote them: fields in their classes, parameters in their functions."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from meshgen.contract import names
from meshgen.contract.compare.findings import Part
from meshgen.contract.model import ServiceSpec
from meshgen.contract.named_types import message_name, named_types, stand_in_name
from meshgen.naming import RESULT_FIELD, field_name, snake
from meshgen.schema.model import EnumOf, Record
from meshgen.source import NOWHERE, Span, of_callable
from meshgen.written import annotated, parameters, span_of, written


@dataclass(frozen=True, slots=True)
class _Home:
    """Where a message, enum, rpc or service was written."""

    span: Span
    definitions: tuple[Span, ...] = ()
    """The classes or the function with its fields."""
    kind: Literal["fields", "input", "result"] = "fields"
    """`input`: fields that an `InputNode` may have. `result`: one field, what the function returns."""


class Places:
    """The places of the messages, enums, rpcs and services of a graph, by their full names."""

    def __init__(self, graph: str, services: Sequence[ServiceSpec]) -> None:
        self._homes: dict[str, _Home] = {}
        self._graph = _Home(next((spec.span for spec in services if spec.node is None), NOWHERE))
        for spec in services:
            self._service(graph, spec)

    def find(self, parts: Iterable[Part]) -> Span:
        """The place of the first part that has one, a field's own line before that of its class.

        What is gone has the place of what it was in: a field that of its class, a method of its node, a node of the
        graph.
        """
        ordered = sorted(parts)
        own = (self._field(full, name) for full, name in ordered if name)
        whole = (self._whole(full) for full, _ in ordered)
        return next((span for span in (*own, *whole) if span is not None and span.line), NOWHERE)

    def _whole(self, full: str) -> Span:
        parent = full.rpartition(".")[0]
        home = self._homes.get(full) or self._homes.get(parent) or self._graph
        return home.span

    # --- what is where ---------------------------------------------------------------------------------------------

    def _service(self, graph: str, spec: ServiceSpec) -> None:
        service, package = names.service(graph, spec.node), names.package(graph, spec.node)
        self._homes[service] = _Home(spec.span)
        for rpc in spec.rpcs:
            self._homes[f"{service}.{rpc.name}"] = _Home(rpc.span)
            own = _Home(rpc.span, (rpc.span,), "fields" if spec.node else "input")
            self._homes[f"{package}.{names.request(rpc.name)}"] = _home(rpc.request_record, own)
            own = _Home(rpc.span, (rpc.span,), "result")
            self._homes[f"{package}.{names.response(rpc.name)}"] = _home(rpc.result, own)
        for rpc in spec.rpcs:
            for item in named_types([field.type for field in rpc.fields]):
                name = message_name(item)
                for local in (name, stand_in_name(name)):
                    self._homes.setdefault(f"{package}.{local}", _home(item, _Home(rpc.span)))

    # --- fields ----------------------------------------------------------------------------------------------------

    def _field(self, full: str, name: str) -> Span | None:
        home = self._homes.get(full, self._graph)
        if home.kind == "input":  # with several inputs nobody knows which is this route's
            keywords = [*_keywords(home.span.file, name)]
            return keywords[0] if len(keywords) == 1 else None
        return next((span for definition in home.definitions for span in _named(definition, name, home.kind)), None)


def _home(item: object, otherwise: _Home) -> _Home:
    """The class and its bases, if it has one that can be found."""
    classes = item.python.__mro__ if isinstance(item, Record | EnumOf) else ()
    found = ((each.__name__, of_callable(each)) for each in classes)
    # A class that no `class` statement made (`TypedDict("T", {...})`) has no place of its own.
    spans = tuple(span for name, span in found if span.text[span.column - 1 : (span.end_column or 1) - 1] == name)
    if isinstance(item, Record) and not spans:
        return _Home(otherwise.span)
    return _Home(spans[0], spans) if spans else otherwise


def _names(name: str) -> tuple[str, str]:
    """What a contract may call a field, or a member of an enum."""
    return field_name(name), snake(name)


def _named(definition: Span, name: str, kind: str) -> Iterator[Span]:
    """The parts of a class or function that the contract calls so."""
    file, line = definition.file, definition.line
    cls, function = written(file).classes.get(line), written(file).functions.get(line)
    if cls is not None:
        targets = (*annotated(cls), *_assigned(cls))
        yield from (span_of(file, target) for target in targets if snake(name) in _names(target.id))
    elif function is not None and kind == "result":
        if name == RESULT_FIELD and function.returns is not None:
            yield span_of(file, function.returns)
    elif function is not None:
        yield from (_first(file, each, each.arg) for each in parameters(function) if field_name(each.arg) == name)


def _assigned(cls: ast.ClassDef) -> Iterator[ast.Name]:
    """Members of an enum."""
    targets = (target for each in cls.body if isinstance(each, ast.Assign) for target in each.targets)
    return (target for target in targets if isinstance(target, ast.Name))


def _keywords(file: str, name: str) -> Iterator[Span]:
    """`name=...` of each `InputNode(...)`."""
    for call in (call for ending in written(file).calls.values() for call in ending):
        if ast.unparse(call.func).endswith("InputNode"):
            yield from (_first(file, k, k.arg) for k in call.keywords if k.arg and field_name(k.arg) == name)


def _first(file: str, part: ast.arg | ast.keyword, name: str) -> Span:
    """The name with which a part begins."""
    whole = span_of(file, part)
    return Span(file, whole.line, whole.column, whole.column + len(name))
