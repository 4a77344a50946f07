"""Parts of a contract → where the user wrote them: fields in their classes, parameters in their functions."""

from __future__ import annotations

import ast
import linecache
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
        self._trees: dict[str, ast.Module | None] = {}
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
        found = [span for definition in home.definitions for span in self._named(definition, name, home.kind)]
        if home.kind == "input":  # with several inputs nobody knows which is this route's
            found = [*self._keywords(home.span.file, name)]
            return found[0] if len(found) == 1 else None
        return found[0] if found else None

    def _named(self, definition: Span, name: str, kind: str) -> Iterator[Span]:
        file, line = definition.file, definition.line
        for node in ast.walk(self._tree(file)):
            match node:
                case ast.ClassDef(body=body) if node.lineno == line:
                    targets = (target for statement in body for target in _targets(statement))
                    yield from (_span(file, t, t.id) for t in targets if snake(name) in _names(t.id))
                case ast.FunctionDef() | ast.AsyncFunctionDef() if node.lineno == line:
                    yield from _returns(file, node, name) if kind == "result" else _arguments(file, node, name)

    def _keywords(self, file: str, name: str) -> Iterator[Span]:
        """`name=...` of each `InputNode(...)`."""
        for node in ast.walk(self._tree(file)):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("InputNode"):
                yield from (_span(file, k, k.arg) for k in node.keywords if k.arg and field_name(k.arg) == name)

    def _tree(self, file: str) -> ast.Module:
        if file not in self._trees:
            try:
                self._trees[file] = ast.parse("".join(linecache.getlines(file)))
            except SyntaxError:  # edited since it was loaded
                self._trees[file] = None
        return self._trees[file] or ast.Module(body=[], type_ignores=[])


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


def _targets(statement: ast.stmt) -> Iterator[ast.Name]:
    match statement:
        case ast.AnnAssign(target=ast.Name() as target):
            yield target
        case ast.Assign(targets=targets):
            yield from (target for target in targets if isinstance(target, ast.Name))
        case _:
            pass


def _arguments(file: str, node: ast.FunctionDef | ast.AsyncFunctionDef, name: str) -> Iterator[Span]:
    arguments = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
    return (_span(file, each, each.arg) for each in arguments if field_name(each.arg) == name)


def _returns(file: str, node: ast.FunctionDef | ast.AsyncFunctionDef, name: str) -> Iterator[Span]:
    if name == RESULT_FIELD and node.returns is not None:
        yield _span(file, node.returns, ast.get_source_segment("".join(linecache.getlines(file)), node.returns) or "")


def _span(file: str, node: ast.expr | ast.arg | ast.keyword, text: str) -> Span:
    line = linecache.getline(file, node.lineno)
    column = len(line.encode()[: node.col_offset].decode(errors="replace")) + 1  # ast counts bytes
    return Span(file, node.lineno, column, column + len(text))
