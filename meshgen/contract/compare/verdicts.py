"""What each kind of change does to those who work with the contract of before, and how to do it without harm."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from meshgen.contract.compare.described import Party
from meshgen.contract.compare.findings import Finding, Kind


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one change does to one party."""

    party: Party
    who: str
    """Their name in the plural: `old clients`."""
    text: str
    """What becomes of them: `do not see it`."""
    breaks: bool
    """They do not work any more as they did; else it is worth a word, no more."""


@dataclass(frozen=True, slots=True)
class _Refused:
    """One side refuses what the other wrote."""

    why: str


_Fate: TypeAlias = _Refused | tuple[str, bool] | None
"""What becomes of a field when it is not refused, and whether that breaks anybody; None when nobody notices."""

_CALLS = {"request": ("from old callers", "to old nodes"), "response": ("to old nodes", "from old callers")}
"""Whose calls between nodes suffer when new code cannot read old messages, and when old code cannot read new ones."""


def outcomes(finding: Finding) -> tuple[Outcome, ...]:
    """Everything worth telling, for clients first. Empty when nobody notices."""
    return tuple(sorted(dict.fromkeys(_outcomes(finding)), key=lambda outcome: outcome.party))


def _outcomes(finding: Finding) -> Iterator[Outcome]:
    match finding.kind:
        case Kind.MISREAD:
            yield from _everybody(finding, "read garbage")
        case Kind.UNRESERVED:
            yield from _everybody(finding, "may come to read garbage")
        case Kind.RENAMED | Kind.VALUE_RENAMED:
            yield Outcome("client", "old clients that use JSON", "know the old name only", True)
        case Kind.RESPELLED:
            yield Outcome(
                "client", "old clients that write lowerCamelCase in JSON", "use names that nobody knows", True
            )
        case Kind.RETURNED:
            yield Outcome("client", "clients from before it was removed", "do not see it", True)
            yield from _by_position(finding)
        case Kind.VALUE_RETURNED:
            yield Outcome("client", "clients from before it was removed", "have another number for it", True)
            yield from _by_position(finding)
        case Kind.RPC_REMOVED:
            yield Outcome("client", "old clients", "are refused when they call it", True)
            if ("node", "request") in finding.positions:
                yield Outcome("node", "old callers", "are refused when they call it", True)
        case Kind.NODE_REMOVED:
            yield Outcome("client", "old clients that call it by itself", "are refused", True)
            yield Outcome("node", "old callers", "are refused", True)
        case Kind.PATH:
            yield Outcome("client", "old REST clients", "get 404", True)
        case _:
            yield from _by_position(finding)


def _everybody(finding: Finding, text: str) -> Iterator[Outcome]:
    parties = {party for party, _ in finding.positions} or {"client", "node"}
    if "client" in parties:
        yield Outcome("client", "old clients", text, True)
    if "node" in parties:
        yield Outcome("node", "old nodes", text, True)
        yield Outcome("node", "old callers", text, True)


def _by_position(finding: Finding) -> Iterator[Outcome]:
    calls: dict[str, list[str]] = {}  # what becomes of calls between nodes → which calls
    for party, way in sorted(finding.positions):
        if party == "client":
            fate = _written_by_old(finding, way) if way == "request" else _read_by_old(finding, party)
            if fate is not None:
                yield _for_clients(fate)
            continue
        for fate, which in zip((_written_by_old(finding, way), _read_by_old(finding, party)), _CALLS[way], strict=True):
            match fate:
                case (str() as text, False):
                    yield Outcome("node", "old callers" if which == "from old callers" else "old nodes", text, False)
                case _Refused(why=why):
                    calls.setdefault(f"fail {why}", []).append(which)
                case (_, True):
                    calls.setdefault("lose it", []).append(which)
                case None:
                    pass
    for text, suffering in calls.items():
        which = suffering[0] if len(set(suffering)) == 1 else "between old and new nodes"
        yield Outcome("node", f"calls {which}", text, True)


def _for_clients(fate: _Refused | tuple[str, bool]) -> Outcome:
    text, breaks = (f"are refused {fate.why}", True) if isinstance(fate, _Refused) else fate
    return Outcome("client", "old clients", text, breaks)


def _written_by_old(finding: Finding, way: str) -> _Fate:
    """New code reads what old code wrote."""
    missing = _Refused(f"(`{finding.name}` is required)")
    match finding.kind:
        case Kind.ADDED | Kind.RETURNED:
            return missing if finding.now else None
        case Kind.REMOVED:
            return ("may go on sending it", False) if way == "request" else None
        case Kind.RETYPED | Kind.RENUMBERED:
            return missing if finding.now else ("send it in vain", True)
        case Kind.REQUIRED:
            return _Refused(f"without `{finding.name}`")
        case Kind.NARROWED:
            return _Refused("when a value does not fit") if way == "request" else None
        case Kind.VALUE_REMOVED:
            return _Refused("with that value") if finding.now else ("send it in vain", True)
        case _:
            return None


def _read_by_old(finding: Finding, party: Party) -> _Fate:
    """Old code reads what new code wrote."""
    match finding.kind:
        case Kind.ADDED | Kind.RETURNED:
            return "do not see it", False
        case Kind.REMOVED if not finding.was:
            return f"find it {'empty' if finding.many else 'absent'}", False
        case Kind.REMOVED | Kind.RETYPED | Kind.RENUMBERED:
            refused = party == "node" and finding.was
            return _Refused(f"(`{finding.name}` is required)") if refused else ("do not see it", True)
        case Kind.FREED:
            return "may miss it" if party == "client" else "refuse what comes without it", party == "client"
        case Kind.WIDENED:
            return None if party == "client" else ("refuse values that did not fit before", False)
        case Kind.VALUE_ADDED | Kind.VALUE_RETURNED:
            return "do not know that value", False
        case _:
            return None


_LOCK = "Restore protos/<graph>/lock.json from version control; the lock gives out the numbers."
_DEFAULT = "Give it a default, or make it `| None`."
_WAYS = {
    Kind.MISREAD: _LOCK,
    Kind.RENUMBERED: _LOCK,
    Kind.UNRESERVED: _LOCK,
    Kind.RETYPED: "Add a field under a new name, and keep `{name}` as it was until nobody uses it.",
    Kind.ADDED: _DEFAULT,
    Kind.REQUIRED: _DEFAULT,
    Kind.NARROWED: "Keep the rules; refuse such values in the node once nobody sends them.",
    Kind.REMOVED: "Give it a default first; remove it in a later build, when all have been updated.",
    Kind.FREED: "Keep it as it is; add a field beside it that may be absent.",
    Kind.VALUE_REMOVED: "Keep it until nobody sends it.",
    Kind.RENAMED: "Keep the old name; or allow it when no client uses JSON.",
    Kind.RESPELLED: "Allow it when they write snake_case, as answers do.",
    Kind.VALUE_RENAMED: "Keep the old name; or allow it when no client uses JSON.",
    Kind.RETURNED: "Take a name that was never used; or allow it when no client is that old.",
    Kind.VALUE_RETURNED: "Take a name that was never used; or allow it when no client is that old.",
    Kind.RPC_REMOVED: "Keep it until nobody calls it.",
    Kind.NODE_REMOVED: "Keep it until nobody calls it; or allow it when the mesh is replaced as a whole.",
    Kind.PATH: "Keep the path: `DAGDriver.options(route_prefix=...)`, or the route's name.",
}


def renaming(finding: Finding) -> str:
    """How to say that a field which went and one which came are one; empty when they do not look like it."""
    if finding.heir is None:
        return ""
    was, now, type_ = finding.heir
    marked = f'`{now}: Annotated[{type_}, RenamedFrom("{was}")]`'
    return f"If it is `{was}` that is called `{now}` now, write {marked}: it keeps its number."


def way_out(finding: Finding) -> str:
    """How to get there without breaking anybody; empty for what never does."""
    if finding.heir is not None:
        return renaming(finding)
    if finding.renamed:
        marks = " and ".join(f'`@wire_name("{was}")` above `{now}`' for was, now in finding.renamed)
        return f"If it is only the class that has a new name, write {marks}: its message keeps the old one."
    return _WAYS.get(finding.kind, "").replace("{name}", finding.name)
