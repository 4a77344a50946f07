"""Services in schema terms, and the lock → the contract of a graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from meshgen.contract.file import FileBuilder
from meshgen.contract.inventory import Inventory, response_fields
from meshgen.contract.lock import Entry, Ledger, Section
from meshgen.contract.model import Contract, RpcSpec, ServiceSpec
from meshgen.contract.names import request, response
from meshgen.contract.shared import closure
from meshgen.contract.wire import field_signature, wire_fields
from meshgen.errors import Diagnostic, GraphError, errors_only
from meshgen.naming import enum_value, enum_zero, pascal
from meshgen.schema.model import Field, Record
from meshgen.source import NOWHERE, Span


def build(graph_name: str, services: Sequence[ServiceSpec], lock: Mapping[str, Any] | None) -> Contract:
    """The contract of a graph, with the lock as it is after this build.

    Args:
        graph_name: in snake case.
        services: the driver's and the nodes', in any order.
        lock: the document of the build before; None for the first one.

    Raises:
        GraphError: every type without a contract (MG3xx), every clash of names (MG4xx), a broken lock.
    """
    inventory = Inventory.of(services)
    if errors_only(inventory.problems):
        raise GraphError(_once(inventory.problems))
    ledger = Ledger.of(lock)
    warnings = [*inventory.problems, *_assign(ledger, inventory, services)]
    ordered = sorted(services, key=lambda s: (s.node is not None, s.node or ""))
    files = tuple(FileBuilder(graph_name, service, ledger).build() for service in ordered)
    return Contract(
        graph=graph_name,
        files=files,
        descriptors=closure(files),
        lock=ledger.document(),
        diagnostics=tuple(_once(warnings)),
    )


def rpc_key(node: str | None, message: str) -> str:
    """Where the lock keeps a request or a response."""
    return message if node is None else f"{node}.{message}"


def _assign(ledger: Ledger, inventory: Inventory, services: Sequence[ServiceSpec]) -> Iterator[Diagnostic]:
    for name, record in inventory.records.items():
        yield from _update(ledger, "types", name, _wanted(record.fields), NOWHERE)
    for name, enum in inventory.enums.items():
        values = [enum_value(name, member.name) for member in enum.python]
        yield from _update(ledger, "enums", name, {v: "" for v in values if v != enum_zero(name)}, NOWHERE)
    for service in services:
        for rpc in service.rpcs:
            yield from _assign_rpc(ledger, service.node, rpc)


def _assign_rpc(ledger: Ledger, node: str | None, rpc: RpcSpec) -> Iterator[Diagnostic]:
    result = rpc.result if isinstance(rpc.result, Record) else None
    for message, record, fields in (
        (request(rpc.name), rpc.request_record, rpc.params),
        (response(rpc.name), result, response_fields(rpc.result)),
    ):
        key = rpc_key(node, message)
        entry = ledger.get("rpcs", key)
        name = "" if record is None else pascal(record.name)
        if (entry.record or entry.live) and entry.record != name:
            was = entry.record or "its own fields"
            yield _breaking(
                f"'{key}' was {was} and is {name or 'its own fields'}: old callers cannot read it", rpc.span
            )
        ledger.put("rpcs", key, replace(entry, record=name))
        if record is None:
            yield from _update(ledger, "rpcs", key, _wanted(fields), rpc.span)


def _update(ledger: Ledger, section: Section, key: str, wanted: Mapping[str, str], span: Span) -> Iterator[Diagnostic]:
    entry: Entry = ledger.get(section, key)
    for slot in entry.retyped(wanted):
        message = f"'{key}.{slot.name}' was {slot.type} and is {wanted[slot.name]}: it takes a new number"
        yield _breaking(message, span)
    ledger.put(section, key, entry.assign(wanted))


def _wanted(fields: Sequence[Field]) -> dict[str, str]:
    return {field.name: field_signature(field) for field in wire_fields(fields)}


def _breaking(message: str, span: Span) -> Diagnostic:
    return Diagnostic(code="MG407", message=message, span=span, severity="warning")


def _once(diagnostics: Sequence[Diagnostic]) -> list[Diagnostic]:
    return list(dict.fromkeys(diagnostics))
