"""The lock: which numbers and names were ever used on the wire. It only grows.

One document per graph, `protos/<graph>/lock.json`, one line per field so that merges are clean:

- `types`: records, by message name; `enums`: enums; `rpcs`: requests and responses, by `PredictRequest` for the driver
  and `model.ForwardRequest` for a node. A request or response that *is* a record names it and has no numbers itself.
- A new name takes 1 + the highest number ever used. A name that is gone leaves its number and name reserved. A name
  whose wire type changed takes a new number, and the old one is reserved.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from meshgen.errors import Diagnostic, GraphError
from meshgen.source import NOWHERE, Span

VERSION = 1
Section: TypeAlias = Literal["types", "enums", "rpcs"]
SECTIONS: tuple[Section, ...] = ("enums", "rpcs", "types")

_MAX_FIELD = (1 << 29) - 1
_MAX_ENUM = (1 << 31) - 1
_PROTOBUF_OWN = range(19_000, 20_000)


@dataclass(frozen=True, slots=True)
class Slot:
    """A name and a number that belong together, and the wire type that they had (empty for enum values)."""

    name: str
    number: int
    type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What the lock knows of one message or enum."""

    live: Mapping[str, Slot] = field(default_factory=dict)
    """By name."""
    reserved: Mapping[int, Slot] = field(default_factory=dict)
    """By number."""
    record: str = ""
    """For a request or response that is a record: the record's message name."""

    @property
    def reserved_names(self) -> tuple[str, ...]:
        """Names that nothing may use again, sorted. A name that came back under a new number is not among them."""
        return tuple(sorted({s.name for s in self.reserved.values()} - self.live.keys()))

    def assign(self, wanted: Mapping[str, str]) -> Entry:
        """The entry after a build that wants these names with these wire types, new names numbered in this order."""
        kept = {name: slot for name, slot in self.live.items() if wanted.get(name) == slot.type}
        gone = {slot.number: slot for name, slot in self.live.items() if name not in kept}
        reserved = {**self.reserved, **gone}
        highest = max([0, *reserved, *(s.number for s in kept.values())])
        live = dict(kept)
        for name, type_ in wanted.items():
            if name not in live:
                highest = _after(highest)
                live[name] = Slot(name, highest, type_)
        return replace(self, live=live, reserved=reserved)

    def retyped(self, wanted: Mapping[str, str]) -> tuple[Slot, ...]:
        """The slots whose name is still wanted, with another type."""
        return tuple(s for s in self.live.values() if wanted.get(s.name, s.type) != s.type)


def _after(number: int) -> int:
    return _PROTOBUF_OWN.stop if number + 1 in _PROTOBUF_OWN else number + 1


@dataclass(slots=True)
class Ledger:
    """The lock during a build."""

    entries: dict[Section, dict[str, Entry]]

    @classmethod
    def of(cls, document: Mapping[str, Any] | None) -> Ledger:
        """The ledger of a document.

        Raises:
            GraphError: MG401 or MG402.
        """
        return cls({s: {} for s in SECTIONS}) if document is None else cls(_entries(document, NOWHERE))

    def get(self, section: Section, key: str) -> Entry:
        """The entry of that name; an empty one when there is none yet."""
        return self.entries[section].get(key, Entry())

    def put(self, section: Section, key: str, entry: Entry) -> None:
        """Replace an entry."""
        self.entries[section][key] = entry

    def document(self) -> dict[str, Any]:
        """The document, sorted."""
        document: dict[str, Any] = {"version": VERSION}
        for section in SECTIONS:
            document[section] = {k: _dump_entry(e, section) for k, e in sorted(self.entries[section].items())}
        return document


# --- text ----------------------------------------------------------------------------------------------------------


def load_lock(text: str, path: str) -> Mapping[str, Any]:
    """The document in the text of a lock file; `path` is for messages.

    Raises:
        GraphError: MG401 (not a lock that this version reads) or MG402 (one number is used twice).
    """
    try:
        document = json.loads(text, object_pairs_hook=_no_duplicates)
    except ValueError as error:
        line = getattr(error, "lineno", 1)
        conflict = next((n for n, row in enumerate(text.splitlines(), 1) if row.startswith(("<<<<<<<", ">>>>>>>"))), 0)
        if conflict:
            hint = "Keep the lines of both sides, and give one of two fields with the same number the next free one."
            raise _corrupt("the lock has an unresolved merge conflict", Span(path, conflict), hint) from None
        raise _corrupt(f"the lock is not JSON: {error}", Span(path, line)) from None
    _entries(document, Span(path, 1))
    return document  # type: ignore[no-any-return]  # `_entries` has checked its shape


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
    live = {s.name: _without_empty(number=s.number, type=s.type) for _, s in sorted(entry.live.items())}
    reserved = {str(n): _without_empty(name=s.name, type=s.type) for n, s in sorted(entry.reserved.items())}
    return _without_empty(record=entry.record, **{_part(section): live}, reserved=reserved)


def _without_empty(**items: Any) -> dict[str, Any]:
    return {k: v for k, v in items.items() if v not in ("", {})}


def _part(section: Section) -> str:
    return "values" if section == "enums" else "fields"


def _entries(document: Any, span: Span) -> dict[Section, dict[str, Entry]]:
    if not isinstance(document, Mapping) or document.get("version") != VERSION:
        found = document.get("version") if isinstance(document, Mapping) else None
        raise _corrupt(f"the lock has version {found!r}, this meshgen reads {VERSION}", span)
    if unknown := sorted(document.keys() - {"version", *SECTIONS}):
        raise _corrupt(f"the lock has an unknown part {unknown[0]!r}", span)
    return {
        section: {key: _entry(key, raw, section, span) for key, raw in _mapping(document, section, span).items()}
        for section in SECTIONS
    }


def _entry(key: str, raw: Any, section: Section, span: Span) -> Entry:
    part = _part(section)
    if not isinstance(raw, Mapping) or raw.keys() - {"record", part, "reserved"}:
        raise _corrupt(f"{key!r} is not an entry of a lock", span)
    limit = _MAX_ENUM if section == "enums" else _MAX_FIELD
    live, reserved = _mapping(raw, part, span), _mapping(raw, "reserved", span)
    try:
        slots = [Slot(name, row["number"], row.get("type", "")) for name, row in live.items()]
        old = [Slot(row["name"], int(number), row.get("type", "")) for number, row in reserved.items()]
        record = raw.get("record", "")
    except (KeyError, TypeError, ValueError, AttributeError):
        raise _corrupt(f"{key!r} has a line without a name or a number", span) from None
    if not all(_well_formed(slot, limit) for slot in (*slots, *old)) or not isinstance(record, str):
        raise _corrupt(f"{key!r} has a number out of range or a name that is not text", span)
    _refuse_duplicates(key, [*slots, *old], span)
    return Entry(live={s.name: s for s in slots}, reserved={s.number: s for s in old}, record=record)


def _well_formed(slot: Slot, limit: int) -> bool:
    is_number = type(slot.number) is int and 1 <= slot.number <= limit
    reserved_by_protobuf = limit == _MAX_FIELD and slot.number in _PROTOBUF_OWN
    return is_number and not reserved_by_protobuf and isinstance(slot.name, str) and isinstance(slot.type, str)


def _refuse_duplicates(key: str, slots: list[Slot], span: Span) -> None:
    seen: dict[int, Slot] = {}
    for slot in slots:
        if slot.number in seen:
            message = f"{key}: {seen[slot.number].name!r} and {slot.name!r} both have number {slot.number} in the lock"
            raise GraphError([Diagnostic(code="MG402", message=message, span=span)])
        seen[slot.number] = slot


def _mapping(raw: Mapping[str, Any], part: str, span: Span) -> Mapping[str, Any]:
    value = raw.get(part, {})
    if not isinstance(value, Mapping):
        raise _corrupt(f"{part!r} of the lock is not an object", span)
    return value


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        names = [k for k, _ in pairs]
        raise ValueError(f"{next(n for n in names if names.count(n) > 1)!r} is written twice")
    return result


def _corrupt(message: str, span: Span, hint: str = "") -> GraphError:
    return GraphError([Diagnostic(code="MG401", message=message, span=span, hint=hint)])
