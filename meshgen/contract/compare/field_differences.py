"""Two versions of one message: which fields came, went, and became something else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches

from meshgen.contract.compare.described import Described, DescribedRpc, Position
from meshgen.contract.compare.findings import Finding, Kind
from meshgen.contract.compare.renames import Renames, renamed_in
from meshgen.contract.compare.rule_changes import narrower
from meshgen.contract.compare.wording import TEXTS, WrittenField, field_words, owner_words, written_fields


@dataclass(frozen=True, slots=True)
class Place:
    """A message in both contracts."""

    full: str
    rpc: DescribedRpc | None
    is_request: bool
    positions: frozenset[Position]
    record: str = ""
    """The record that the rpc's message was before and still is; it has no words of its own then."""
    renames: Renames = field(default_factory=dict)
    """Classes that seem to have a new name."""

    def finding(
        self,
        kind: Kind,
        name: str,
        what: str,
        numbers: frozenset[int] = frozenset(),
        old: WrittenField | None = None,
        new: WrittenField | None = None,
    ) -> Finding:
        """A difference of field `name`, which is `old` in the one contract and `new` in the other."""
        rpc = None if self.record else self.rpc
        message = self.record or self.full.rpartition(".")[2]
        owner = f"`{message}`" if rpc is None else owner_words(rpc, self.is_request, name)
        written = [each.json for each in (old, new) if each is not None] or [name]
        return Finding(
            kind=kind,
            subject=field_words(rpc, self.is_request, written[0] if kind is Kind.RENAMED else written[-1]),
            owner=owner,
            what=what,
            name=written[-1],
            was=old is not None and old.required,
            now=new is not None and new.required,
            many=old is not None and old.many,
            positions=self.positions,
            parts=frozenset({(self.full, name if new is None else new.name)}),
            keys=frozenset((self.full, number) for number in numbers),
        )


def field_differences(place: Place, old: Described, new: Described) -> Iterator[Finding]:
    """How the fields of a message differ that is in both contracts."""
    before, now = written_fields(old.messages[place.full], old), written_fields(new.messages[place.full], new)
    gone = [written for name, written in before.items() if name not in now]
    fresh = [written for name, written in now.items() if name not in before]
    reserved = frozenset(old.messages[place.full].reserved_name)
    renamed: set[str] = set()
    left: list[WrittenField] = []
    for was in gone:
        heir = next((written for written in fresh if written.numbers & was.numbers and _same_wire(was, written)), None)
        if heir is None:
            left.append(was)
        else:
            fresh.remove(heir)
            numbers = was.numbers | heir.numbers
            found = place.finding(Kind.RENAMED, was.name, f"is called `{heir.json}` now", numbers, was, heir)
            back = frozenset((place.full, name) for name in heir.members.keys() & reserved)
            yield replace(found, keys=found.keys | back)
            renamed.add(heir.name)
            yield from _changed(place, was, heir)
    yield from _gone_and_fresh(place, left, [each for each in fresh if not each.members.keys() & reserved])
    misread = [*_misread(place, before, now)]
    for name in before.keys() & now.keys() - {finding.name for finding in misread}:
        if before[name].json != now[name].json:
            what, numbers = f"is called `{now[name].json}` in JSON now", before[name].numbers | now[name].numbers
            yield place.finding(Kind.RENAMED, name, what, numbers, before[name], now[name])
        yield from _changed(place, before[name], now[name])
    yield from misread
    yield from _returned(place, {name: written for name, written in now.items() if name not in renamed}, reserved)


def _gone_and_fresh(place: Place, gone: Sequence[WrittenField], fresh: Sequence[WrittenField]) -> Iterator[Finding]:
    heirs = _heirs(gone, fresh)
    for was in gone:
        found = place.finding(Kind.REMOVED, was.name, "was removed", was.numbers, old=was)
        yield replace(found, heir=heirs.get(was.json))
    for written in fresh:
        what = "is new and required" if written.required else "is new"
        found = place.finding(Kind.ADDED, written.name, what, new=written)
        yield replace(found, heir=next((heir for heir in heirs.values() if heir[1] == written.json), None))


def _heirs(gone: Sequence[WrittenField], fresh: Sequence[WrittenField]) -> dict[str, tuple[str, str, str]]:
    """What each field that went may be called now: one of its type that came, alone or with a name like it."""
    found: dict[str, tuple[str, str, str]] = {}
    for was in gone:
        rivals = [other for other in gone if other.type == was.type]
        taken = {heir[1] for heir in found.values()}
        alike = [each.json for each in fresh if each.type == was.type and each.json not in taken]
        close = get_close_matches(was.json, alike, n=1) or (alike if len(alike) == len(rivals) == 1 else [])
        if close:
            found[was.json] = (was.json, close[0], was.type)
    return found


def _same_wire(old: WrittenField, new: WrittenField) -> bool:
    shared = old.numbers & new.numbers
    return _wire_of(old, shared) == _wire_of(new, shared) and old.union == new.union


def _wire_of(written: WrittenField, numbers: frozenset[int]) -> dict[int, str]:
    return {item.number: written.wire[name] for name, item in written.members.items() if item.number in numbers}


def _changed(place: Place, old: WrittenField, new: WrittenField) -> Iterator[Finding]:
    numbers = old.numbers | new.numbers
    if old.union and new.union:
        yield from _members(place, old, new)
    elif old.union != new.union or [*old.wire.values()] != [*new.wire.values()]:
        kept = " and kept its number" if old.numbers & new.numbers else ""
        kind, what = Kind.MISREAD if kept else Kind.RETYPED, f"changed from {old.type} to {new.type}{kept}"
        found = place.finding(kind, new.name, what, numbers, old, new)
        yield replace(found, renamed=renamed_in(old.type, new.type, place.renames))
        return
    elif old.numbers != new.numbers:
        was, now = (next(iter(written.numbers)) for written in (old, new))
        yield place.finding(Kind.RENUMBERED, new.name, f"has number {now} instead of {was}", numbers, old, new)
        return
    if old.required != new.required:
        kind, what = (Kind.REQUIRED, "is required now") if new.required else (Kind.FREED, "is no longer required")
        yield place.finding(kind, new.name, what, numbers, old, new)
    yield from _ruled(place, old, new)


def _members(place: Place, old: WrittenField, new: WrittenField) -> Iterator[Finding]:
    before, now = _alternatives(old), _alternatives(new)
    for type_ in before.keys() - now.keys():
        numbers = frozenset({before[type_]})
        found = place.finding(Kind.VALUE_REMOVED, new.name, f"can no longer be {type_}", numbers, old, new)
        heirs = (renamed_in(type_, heir, place.renames) for heir in now.keys() - before.keys())
        yield replace(found, renamed=next(filter(None, heirs), ()))
    for type_ in now.keys() - before.keys():
        yield place.finding(Kind.VALUE_ADDED, new.name, f"can also be {type_}", old=old, new=new)
    for type_ in before.keys() & now.keys():
        if before[type_] != now[type_]:
            what = f"has number {now[type_]} instead of {before[type_]} when it is {type_}"
            yield place.finding(Kind.RENUMBERED, new.name, what, frozenset({before[type_]}), old, new)


def _alternatives(written: WrittenField) -> dict[str, int]:
    return {type_: written.members[name].number for name, type_ in written.types.items()}


def _ruled(place: Place, old: WrittenField, new: WrittenField) -> Iterator[Finding]:
    numbers = old.numbers | new.numbers
    if not new.union and old.type != new.type:
        yield from _choices(place, old, new)
    if rules := narrower(old.rules, new.rules):
        what = f"takes less than before ({', '.join(rules)})"
        yield place.finding(Kind.NARROWED, new.name, what, numbers, old, new)
    if rules := narrower(new.rules, old.rules):
        what = f"takes more than before ({', '.join(rules)} no longer holds)"
        yield place.finding(Kind.WIDENED, new.name, what, numbers, old, new)


def _choices(place: Place, old: WrittenField, new: WrittenField) -> Iterator[Finding]:
    """A Literal, or a UUID, against another one or plain text."""
    before, now = set(old.choices), set(new.choices)
    if not before or not now:
        if old.type != new.type:
            kind = Kind.VALUE_ADDED if _is_plain(new.type) else Kind.NARROWED
            yield place.finding(kind, new.name, f"changed from {old.type} to {new.type}", frozenset(), old, new)
        return
    for value in sorted(before - now, key=str):
        found = place.finding(Kind.VALUE_REMOVED, new.name, f"can no longer be {value!r}", frozenset(), old, new)
        yield replace(found, now=True)  # it is refused, not absent
    for value in sorted(now - before, key=str):
        yield place.finding(Kind.VALUE_ADDED, new.name, f"can also be {value!r}", old=old, new=new)


def _is_plain(type_: str) -> bool:
    return not any(word in type_ for word in ("Literal", *TEXTS.values()))


def _misread(place: Place, before: dict[str, WrittenField], now: dict[str, WrittenField]) -> Iterator[Finding]:
    """Numbers that belonged to another field. The lock prevents it; hands and merges do not."""
    for written in now.values():
        for was in before.values():
            numbers = written.numbers & was.numbers
            renamed = was.name not in now and written.name not in before and _same_wire(was, written)
            if numbers and was.name != written.name and not renamed:
                what = f"has number {min(numbers)}, which was that of `{was.name}`"
                own = before[written.name].numbers if written.name in before else frozenset[int]()
                yield place.finding(Kind.MISREAD, written.name, what, numbers | own, was, written)


def _returned(place: Place, now: dict[str, WrittenField], reserved: frozenset[str]) -> Iterator[Finding]:
    for written in now.values():
        names = written.members.keys() & reserved
        if names:
            found = place.finding(Kind.RETURNED, written.name, "is back, under a new number", new=written)
            yield replace(found, keys=frozenset((place.full, name) for name in names))
