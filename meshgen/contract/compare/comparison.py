"""Two versions of a contract → what changed, and whether old clients and old nodes still work.

An old client calls the new driver. During an upgrade, a caller of before (the driver, or a node with a handle) calls
a new node, and a new caller calls a node of before. So a request to the driver is written by old and read by new code,
its response the other way round, and what travels between nodes goes both ways.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from meshgen.contract.compare.buf_rules import Flags, Key, flagged
from meshgen.contract.compare.described import Described, Party
from meshgen.contract.compare.differences import differences
from meshgen.contract.compare.findings import Finding, Kind, Part
from meshgen.contract.compare.verdicts import Outcome, outcomes, renaming, way_out


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of a contract."""

    place: str
    """`` field `score` of `Label` ``."""
    what: str
    """`changed from int to float`."""
    effect: str
    """`old clients do not see it; old nodes still work`."""
    clients: bool
    """Clients made from the old contract still work."""
    nodes: bool
    """Nodes and callers of before still work, in both directions."""
    wire: bool
    """`buf breaking` flags it by its rules WIRE."""
    json: bool
    """`buf breaking` flags it by its rules WIRE_JSON."""
    way: str
    """How to do it safely; empty when it is safe, unless it could be done better."""
    parts: frozenset[Part] = frozenset()
    """What changed; `Places` knows where that was written."""

    @property
    def breaking(self) -> bool:
        """Somebody who works with the old contract stops working."""
        return not (self.clients and self.nodes)

    def __str__(self) -> str:
        text = f"{self.place} {self.what}: {self.effect}"
        return text if self.breaking or not self.way else f"{text}. {self.way}"


def compare(
    old: FileDescriptorSet, new: FileDescriptorSet, records: Mapping[str, str] = MappingProxyType({})
) -> tuple[Change, ...]:
    """Everything that changed in a graph's own packages, the worst first. One change in several places is one.

    `records` has the requests and responses that were a record and still are the same one, by full name: an edit of
    theirs is one of that record.
    """
    before, now = Described.of(old), Described.of(new)
    flags = flagged(before, now)
    found = differences(before, now, records)
    found += tuple(_left_over(flags, {key for finding in found for key in finding.keys}))
    groups = _grouped(found)
    changes = [_change(owners, finding, flags) for finding, owners in groups]
    order = {kind: index for index, kind in enumerate(Kind)}
    ranked = zip(changes, (order[finding.kind] for finding, _ in groups), strict=True)
    return tuple(change for change, _ in sorted(ranked, key=lambda r: (not r[0].breaking, r[1], r[0].place, r[0].what)))


def _left_over(flags: Mapping[Key, Flags], known: set[Key]) -> Iterator[Finding]:
    """What is flagged without a difference in what a user wrote: a history that was lost."""
    for name, number in flags.keys() - known:
        subject = f"number {number}" if isinstance(number, int) else f"the name `{number}`" if number else "the rpc"
        yield Finding(
            kind=Kind.UNRESERVED,
            subject=subject,
            owner=f"`{name.rpartition('.')[2]}`",
            what="is no longer what the lock had" if number else "has other messages",
            parts=frozenset({(name, "")}),
            keys=frozenset({(name, number)}),
        )


def _grouped(found: Iterable[Finding]) -> list[tuple[Finding, list[str]]]:
    """Findings that differ in their places alone, as one."""
    groups: dict[Finding, list[Finding]] = {}
    for finding in found:
        groups.setdefault(replace(finding, owner="", positions=frozenset(), parts=frozenset()), []).append(finding)
    return [(_merged(same), sorted({f.owner for f in same if f.owner})) for same in groups.values()]


def _merged(same: list[Finding]) -> Finding:
    positions = frozenset(position for finding in same for position in finding.positions)
    parts = frozenset(part for finding in same for part in finding.parts)
    return replace(same[0], positions=positions, parts=parts, keys=frozenset(key for f in same for key in f.keys))


def _change(owners: list[str], finding: Finding, flags: Mapping[Key, Flags]) -> Change:
    flag = Flags()
    for key in finding.keys:
        flag |= flags.get(key, Flags())
    found = outcomes(finding)
    if flag != Flags() and not any(outcome.breaks for outcome in found):
        finding = replace(finding, kind=Kind.UNRESERVED)  # harmless by itself, but its number or name is free again
        found = outcomes(finding)
    breaks = {outcome.party for outcome in found if outcome.breaks}
    return Change(
        place=_place(finding.subject, owners),
        what=finding.what,
        effect=_effect(found),
        clients="client" not in breaks,
        nodes="node" not in breaks,
        wire=flag.wire,
        json=flag.json,
        way=way_out(finding) if breaks else renaming(finding),
        parts=finding.parts,
    )


def _place(subject: str, owners: list[str]) -> str:
    shown = owners if len(owners) < 4 else [*owners[:2], f"{len(owners) - 2} more"]
    return f"{subject} of {_listed(shown)}" if shown else subject


def _listed(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def _effect(found: tuple[Outcome, ...]) -> str:
    """`old clients are refused (`x` is required); old nodes still work`."""
    broken = [outcome for outcome in found if outcome.breaks]
    well = [word for party, word in _WORDS.items() if all(outcome.party != party for outcome in broken)]
    fates: dict[str, list[str]] = {}
    for who, same in _by(broken, lambda outcome: outcome.who):
        fates.setdefault(_listed([outcome.text for outcome in same]), []).append(who)
    parts = [f"{_listed(who)} {text}" for text, who in fates.items()]
    if well:
        parts.append(f"old {' and '.join(well)} still work")
    for text, same in _by([o for o in found if not o.breaks], lambda outcome: outcome.text):
        parts.append(f"old {_listed([outcome.who.removeprefix('old ') for outcome in same])} {text}")
    return "; ".join(parts)


_WORDS: Mapping[Party, str] = {"client": "clients", "node": "nodes"}


def _by(found: list[Outcome], key: Callable[[Outcome], str]) -> list[tuple[str, list[Outcome]]]:
    groups: dict[str, list[Outcome]] = {}
    for outcome in found:
        groups.setdefault(key(outcome), []).append(outcome)
    return [*groups.items()]
