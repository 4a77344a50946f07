"""Services in schema terms, and the lock → the contract of a graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Any

from meshgen.contract.build.enum_numbers import other_numbers, wanted_values
from meshgen.contract.build.file import FileBuilder
from meshgen.contract.build.inventory import Inventory
from meshgen.contract.build.name_clashes import clashes
from meshgen.contract.lock.document import document_of, ledger_of
from meshgen.contract.lock.ledger import Entry, Ledger, Want, rpc_key
from meshgen.contract.model import Contract, RpcSpec, ServiceSpec
from meshgen.contract.named_types import named_types
from meshgen.contract.names import package, request, response
from meshgen.contract.shared_messages import with_imports
from meshgen.contract.wire import Wrapper, field_signature, wire_field
from meshgen.errors import Diagnostic, GraphError, errors_only, once
from meshgen.naming import field_name, pascal, snake
from meshgen.schema.model import Field, Record
from meshgen.source import Span, of_callable


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
    nodes = [s.node for s in services if s.node is not None]
    if errors_only(inventory.problems):
        raise GraphError(once(inventory.problems, nodes))
    ledger = ledger_of(lock)
    before = dict(ledger.entries["rpcs"])
    problems = [*inventory.problems, *_assign(ledger, inventory, services)]
    problems += clashes(graph_name, services, ledger)
    if errors_only(problems):
        raise GraphError(once(problems, nodes))
    ordered = sorted(services, key=lambda s: (s.node is not None, s.node or ""))
    files = tuple(FileBuilder(graph_name, service, ledger).build() for service in ordered)
    return Contract(
        graph=graph_name,
        files=files,
        descriptors=with_imports(files),
        lock=document_of(ledger),
        records=_records(graph_name, services, before, ledger),
        services=tuple(ordered),
        diagnostics=tuple(once(problems, nodes)),
    )


def _records(
    graph: str, services: Sequence[ServiceSpec], before: Mapping[str, Entry], ledger: Ledger
) -> dict[str, str]:
    """The requests and responses that were a record before and are the same one now."""
    found: dict[str, str] = {}
    for service in services:
        for message in (name for rpc in service.rpcs for name in (request(rpc.name), response(rpc.name))):
            key = rpc_key(service.node, message)
            record = ledger.get("rpcs", key).record
            if record and key in before and before[key].record == record:
                found[f"{package(graph, service.node)}.{message}"] = record
    return found


def _assign(ledger: Ledger, inventory: Inventory, services: Sequence[ServiceSpec]) -> Iterator[Diagnostic]:
    records = dict(ledger.entries["types"])  # of the build before: what a message is that was a record until now
    yield from _names_of_old_classes(ledger, services)
    for name, record in inventory.records.items():
        yield from _lost_names(ledger.get("types", name), record.fields, name, of_callable(record.python))
        ledger.put("types", name, ledger.get("types", name).assign(_wanted(record.fields)))
    for name, enum in inventory.enums.items():
        ledger.put("enums", name, ledger.get("enums", name).assign(wanted_values(name, enum)))
        yield from other_numbers(name, enum, ledger.get("enums", name))
    for service in services:
        for rpc in service.rpcs:
            yield from _assign_rpc(ledger, records, service, rpc)


def _assign_rpc(
    ledger: Ledger, records: Mapping[str, Entry], service: ServiceSpec, rpc: RpcSpec
) -> Iterator[Diagnostic]:
    for message, record, fields in (
        (request(rpc.name), rpc.request_record, rpc.request_fields),
        (response(rpc.name), rpc.response_record, rpc.response_fields),
    ):
        key = rpc_key(service.node, message)
        entry = ledger.get("rpcs", key)
        if (
            key not in ledger.entries["rpcs"]
            and message in records
            and (record is None or pascal(record.name) != message)
        ):
            entry = records[message]  # a record may have had the name in this file until now
        if record is None:
            yield from _lost_names(entry, fields, service.owner(rpc), rpc.span)
        ledger.put("rpcs", key, _message(entry, records, record, _wanted(fields)))


def _message(entry: Entry, records: Mapping[str, Entry], record: Record | None, wanted: Mapping[str, Want]) -> Entry:
    """The entry of a request or response after this build."""
    name = "" if record is None else pascal(record.name)
    if entry.own:
        return replace(entry.assign(wanted), record=name)
    if entry.record not in ("", name):  # everything that the message ever had is what the record had
        return replace(records[entry.record].assign(wanted), record=name)
    return replace(entry, record=name) if name else entry.assign(wanted)


def _wanted(fields: Sequence[Field]) -> dict[str, Want]:
    wanted: dict[str, Want] = {}
    for field in fields:
        now = wire_field(field)
        then = wire_field(replace(field, name=before)) if (before := _name_of_before(field)) else ()
        for new, old in zip_longest(now, then):
            past = ("", "") if old is None else (old.name, field_signature(old))
            wanted[new.name] = Want(field_signature(new), *past)
    return wanted


def _name_of_before(field: Field) -> str:
    """The marker's name; or the one that a lock of meshgen 0.1 has for `_id`."""
    return field.renamed_from or (snake(field.name) if field_name(field.name) != snake(field.name) else "")


def _lost_names(entry: Entry, fields: Sequence[Field], owner: str, span: Span) -> Iterator[Diagnostic]:
    """A marker that has done its work is harmless, and so is one where there was nothing before."""
    after = entry.assign(_wanted(fields))
    there = {field_name(field.name): field for field in fields}
    heirs: dict[str, str] = {}
    for field in fields:
        old = field_name(field.renamed_from)
        if not old or there.get(old) is field:  # another spelling of the same name has the number anyway
            continue
        heir = heirs.setdefault(old, field.name)
        if heir != field.name:
            yield _lost(field, owner, span, f"and so is '{heir}'", "Leave it out of one: a number has one name.")
        elif old in there and not _is_done(field, entry):
            yield _lost(field, owner, span, "which is still there")
        elif not entry.own or entry.knows(field_name(field.name)) or _is_done(field, after):
            continue
        elif entry.slots(old):
            hint = "Keep the type for this build; or leave `RenamedFrom` out: a field of another type is a new one."
            yield _lost(field, owner, span, "which had another type, so that its number cannot be kept", hint)
        else:
            known = entry.knows(old)
            reason = "which an earlier build removed" if known else "which the lock has never seen"
            yield _lost(field, owner, span, reason)


def _lost(field: Field, owner: str, span: Span, reason: str, hint: str = "") -> Diagnostic:
    message = f"'{owner}.{field.name}' is marked as renamed from '{field.renamed_from}', {reason}"
    return Diagnostic(code="MG410", message=message, span=span, hint=hint)


def _is_done(field: Field, entry: Entry) -> bool:
    """Whether an earlier build gave the field the number of the name in its marker."""
    then = {wire.name for wire in wire_field(replace(field, name=field.renamed_from))}
    return any(then.intersection(slot.was) for slot in entry.slots(field_name(field.name)))


def _names_of_old_classes(ledger: Ledger, services: Sequence[ServiceSpec]) -> Iterator[Diagnostic]:
    """MG406 for lists and unions called like an old class: their messages cannot go on with its numbers."""
    types = (f.type for service in services for rpc in service.rpcs for f in rpc.fields)
    for name in sorted({t.name for t in named_types(types) if isinstance(t, Wrapper)} & ledger.entries["types"].keys()):
        message = f"'{name}' was the message of a class in an earlier build, and would be that of a list, dict or union"
        yield Diagnostic(code="MG406", message=message, hint="Put the list, dict or union into a dataclass.")
