"""The lock as a file: one document per graph, `protos/<graph>/lock.json`, one line per field so that merges are clean.

What people and merges do to it is checked when it is read, and refused with the line at fault.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from meshgen.contract.lock.ledger import MOST_OF_ENUM, PROTOBUFS_OWN, SECTIONS, Entry, Ledger, Section, Slot
from meshgen.errors import Diagnostic, GraphError
from meshgen.source import NOWHERE, Span

VERSION = 1

_MAX_FIELD = (1 << 29) - 1

Where = Callable[[str], Span]
"""The line of a key."""


def ledger_of(document: Mapping[str, Any] | None) -> Ledger:
    """The ledger of a document; an empty one when there is none.

    Raises:
        GraphError: MG401 or MG402.
    """
    return Ledger() if document is None else Ledger(_entries(document, lambda _: NOWHERE))


def document_of(ledger: Ledger) -> dict[str, Any]:
    """The document, sorted."""
    document: dict[str, Any] = {"version": VERSION}
    for section in SECTIONS:
        document[section] = {k: _dump_entry(e, section) for k, e in sorted(ledger.entries[section].items())}
    return document


# --- text ----------------------------------------------------------------------------------------------------------


def load_lock(text: str, path: str) -> Mapping[str, Any]:
    """The document in the text of a lock file; `path` is for messages.

    Raises:
        GraphError: MG401 (not a lock that this version reads) or MG402 (one number is used twice).
    """
    try:
        document = json.loads(text, object_pairs_hook=_no_duplicates)
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", 1)
        conflict = next((n for n, row in enumerate(text.splitlines(), 1) if row.startswith(("<<<<<<<", ">>>>>>>"))), 0)
        if conflict:
            hint = "Keep the lines of both sides, and give one of two fields with the same number the next free one."
            raise _corrupt("the lock has an unresolved merge conflict", Span(path, conflict), hint) from None
        raise _corrupt(f"the lock is not JSON: {error}", Span(path, line)) from None
    _entries(document, lambda key: _line_of(key, text, path))
    return document  # type: ignore[no-any-return]  # `_entries` has checked its shape


def _line_of(key: str, text: str, path: str) -> Span:
    """The first line that starts with the key; the first of all when none does."""
    quoted = json.dumps(key)
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith(f"{quoted}:"):
            column = line.index(quoted) + 1
            return Span(path, number, column, column + len(quoted))
    return Span(path, 1)


def dump_lock(document: Mapping[str, Any]) -> str:
    """A document of a build as text: one line per field, in the order of the document, which is sorted."""
    return "\n".join(_lines(document)) + "\n"


def _lines(node: Any, indent: str = "") -> Iterator[str]:
    """JSON with objects of objects spread over lines, and the innermost (one field) on one line."""
    if not isinstance(node, Mapping) or not _spreads(node):
        yield json.dumps(node, sort_keys=True)
        return
    yield "{"
    for index, (key, value) in enumerate(node.items()):
        first, *more = _lines(value, indent + "  ")
        rows = [f"{indent}  {json.dumps(key)}: {first}", *more]
        yield from rows[:-1]
        yield rows[-1] + ("," if index < len(node) - 1 else "")
    yield indent + "}"


def _spreads(node: Mapping[str, Any]) -> bool:
    return any(isinstance(value, Mapping) for value in node.values())


# --- document ⇄ entries --------------------------------------------------------------------------------------------


def _dump_entry(entry: Entry, section: Section) -> dict[str, Any]:
    live = {
        s.name: _without_empty(number=s.number, type=s.type, was=list(s.was)) for _, s in sorted(entry.live.items())
    }
    reserved = {
        str(n): _without_empty(name=s.name, type=s.type, was=list(s.was)) for n, s in sorted(entry.reserved.items())
    }
    return _without_empty(record=entry.record, **{_part(section): live}, reserved=reserved)


def _without_empty(**items: Any) -> dict[str, Any]:
    return {k: v for k, v in items.items() if v not in ("", {}, [])}


def _part(section: Section) -> str:
    return "values" if section == "enums" else "fields"


def _entries(document: Any, where: Where) -> dict[Section, dict[str, Entry]]:
    found = document.get("version") if isinstance(document, Mapping) else None
    if found != VERSION or type(found) is not int:  # True is 1 as well
        raise _corrupt(f"the lock has version {found!r}, this meshgen reads {VERSION}", where("version"))
    if unknown := sorted(document.keys() - {"version", *SECTIONS}):
        raise _corrupt(f"the lock has an unknown part {unknown[0]!r}", where(unknown[0]))
    entries = {
        section: {key: _entry(key, raw, section, where) for key, raw in _mapping(document, section, where).items()}
        for section in SECTIONS
    }
    for key, entry in entries["rpcs"].items():
        if entry.record and not entry.own and entry.record not in entries["types"]:
            message = f"{key!r} has the numbers of the record {entry.record!r}, which the lock does not have"
            raise _corrupt(message, where(key))
    return entries


def _entry(key: str, raw: Any, section: Section, where: Where) -> Entry:
    part = _part(section)
    if not isinstance(raw, Mapping) or raw.keys() - {"record", part, "reserved"}:
        raise _corrupt(f"{key!r} is not an entry of a lock", where(key))
    limit = MOST_OF_ENUM if section == "enums" else _MAX_FIELD
    live, reserved = _mapping(raw, part, where), _mapping(raw, "reserved", where)
    try:
        slots = [_slot(name, row["number"], row, "number") for name, row in live.items()]
        old = [_slot(row["name"], _number(number), row, "name") for number, row in reserved.items()]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise _corrupt(f"{key!r} has a line without a name or a number, or with more than that", where(key)) from None
    record = raw.get("record", "")
    if not all(_well_formed(slot, limit) for slot in (*slots, *old)) or not isinstance(record, str):
        raise _corrupt(f"{key!r} has a number out of range or a name that is not a name", where(key))
    _refuse_duplicates(key, [*slots, *old], where)
    return Entry(live={s.name: s for s in slots}, reserved={s.number: s for s in old}, record=record)


def _slot(name: str, number: int, row: Mapping[str, Any], own: str) -> Slot:
    was = row.get("was", [])
    if row.keys() - {own, "type", "was"} or not isinstance(was, list):
        raise ValueError(name)
    return Slot(name, number, row.get("type", ""), tuple(was))


def _number(text: str) -> int:
    if str(int(text)) != text:
        raise ValueError(text)
    return int(text)


def _well_formed(slot: Slot, limit: int) -> bool:
    is_number = type(slot.number) is int and 1 <= slot.number <= limit
    reserved_by_protobuf = limit == _MAX_FIELD and slot.number in PROTOBUFS_OWN
    is_named = all(isinstance(name, str) and name.isascii() and name.isidentifier() for name in (slot.name, *slot.was))
    return is_number and not reserved_by_protobuf and is_named and isinstance(slot.type, str)


def _refuse_duplicates(key: str, slots: list[Slot], where: Where) -> None:
    seen: dict[int, Slot] = {}
    for slot in slots:
        if slot.number in seen:
            message = f"{key}: {seen[slot.number].name!r} and {slot.name!r} both have number {slot.number} in the lock"
            raise GraphError([Diagnostic(code="MG402", message=message, span=where(key))])
        seen[slot.number] = slot


def _mapping(raw: Mapping[str, Any], part: str, where: Where) -> Mapping[str, Any]:
    value = raw.get(part, {})
    if not isinstance(value, Mapping):
        raise _corrupt(f"{part!r} of the lock is not an object", where(part))
    return value


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        names = [k for k, _ in pairs]
        raise ValueError(f"{next(n for n in names if names.count(n) > 1)!r} is written twice")
    return result


def _corrupt(message: str, span: Span, hint: str = "") -> GraphError:
    return GraphError([Diagnostic(code="MG401", message=message, span=span, hint=hint)])
