"""Everything that differs between two contracts: services, messages, enums."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from google.protobuf.descriptor_pb2 import EnumDescriptorProto

from meshgen.contract.compare.buf_rules import Key
from meshgen.contract.compare.described import Described, DescribedRpc, Position
from meshgen.contract.compare.field_differences import Place, field_differences
from meshgen.contract.compare.findings import Finding, Kind
from meshgen.contract.compare.renames import renames
from meshgen.contract.compare.wording import rpc_words
from meshgen.naming import enum_zero


def differences(old: Described, new: Described, records: Mapping[str, str]) -> tuple[Finding, ...]:
    """Everything that differs, in no particular order; a message of several packages has a finding for each.

    `records` as in `compare`.
    """
    positions = {**old.positions()}
    for name, more in new.positions().items():
        positions[name] = positions.get(name, frozenset()) | more
    found: list[Finding] = [*_services(old, new), *_respelled(old, new)]
    renamed = renames(old, new)
    rpcs = {name: (rpc, way) for rpc, name, way in (*_rpc_messages(old), *_rpc_messages(new))}
    for full in old.messages.keys() & new.messages.keys():
        if not new.messages[full].options.map_entry:
            rpc, is_request = rpcs.get(full, (None, False))
            place = Place(full, rpc, is_request, positions.get(full, frozenset()), records.get(full, ""), renamed)
            found += field_differences(place, old, new)
    for full in old.enums.keys() & new.enums.keys():
        found += _values(full, positions.get(full, frozenset()), old.enums[full], new.enums[full])
    return tuple(found)


def _respelled(old: Described, new: Described) -> Iterator[Finding]:
    """What meshgen 0.1 took in JSON beside the names in Python, as one finding: it is one change, of meshgen's."""
    if not old.camel_case or new.camel_case:
        return
    lost: dict[Key, tuple[str, str]] = {}
    for full in old.messages.keys() & new.messages.keys():
        now = {item.number: item.json_name for item in new.messages[full].field}
        for item in old.messages[full].field:
            if item.json_name != now.get(item.number, item.json_name):
                lost[full, item.number] = (item.json_name, now[item.number])
    if lost:
        before, after = min(lost.values())
        what = f"does not take lowerCamelCase any more: `{before}` is `{after}`, as in Python"
        yield Finding(kind=Kind.RESPELLED, subject="JSON", owner="", what=what, keys=frozenset(lost))


def _rpc_messages(contract: Described) -> Iterator[tuple[DescribedRpc, str, bool]]:
    for rpc in contract.rpcs.values():
        yield rpc, rpc.method.input_type.lstrip("."), True
        yield rpc, rpc.method.output_type.lstrip("."), False


def _services(old: Described, new: Described) -> Iterator[Finding]:
    for kind, what, one, other in (
        (Kind.NODE_REMOVED, "was removed", old, new),
        (Kind.NODE_ADDED, "is new", new, old),
    ):
        for name in one.nodes.keys() - other.nodes.keys():
            yield Finding(
                kind=kind, subject=f"node `{one.nodes[name]}`", owner="", what=what, parts=frozenset({(name, "")})
            )
    for kind, what, one, other in ((Kind.RPC_REMOVED, "was removed", old, new), (Kind.RPC_ADDED, "is new", new, old)):
        for name in one.rpcs.keys() - other.rpcs.keys():
            if name.rpartition(".")[0] in other.nodes:
                rpc = one.rpcs[name]
                subject, parts = rpc_words(rpc), frozenset({(name, "")})
                yield Finding(kind=kind, subject=subject, owner="", what=what, positions=_calls(rpc), parts=parts)
    for name in old.rpcs.keys() & new.rpcs.keys():
        before, now = old.rpcs[name], new.rpcs[name]
        if before.http and before.http != now.http:
            what = f"moved to {now.http}" if now.http else "has no path any more"
            subject, parts = f"the REST path {before.http}", frozenset({(name, "")})
            yield Finding(kind=Kind.PATH, subject=subject, owner="", what=what, parts=parts)


def _calls(rpc: DescribedRpc) -> frozenset[Position]:
    return frozenset({("node" if rpc.node else "client", "request")})


def _values(
    full: str, positions: frozenset[Position], old: EnumDescriptorProto, new: EnumDescriptorProto
) -> Iterator[Finding]:
    name = full.rpartition(".")[2]
    prefix = enum_zero(name).removesuffix("UNSPECIFIED")

    def finding(kind: Kind, value: str, what: str, *keys: int | str) -> Finding:
        return Finding(
            kind=kind,
            subject=f"value `{value.removeprefix(prefix)}`",
            owner=f"`{name}`",
            what=what,
            name=value,
            was=True,
            now=True,
            positions=positions,
            parts=frozenset({(full, value.removeprefix(prefix))}),
            keys=frozenset((full, key) for key in keys),
        )

    before, now = ({v.name: v.number for v in one.value} for one in (old, new))
    for value in before.keys() - now.keys():
        heir = next((v for v, number in now.items() if number == before[value]), None)
        if heir is None:
            yield finding(Kind.VALUE_REMOVED, value, "was removed", before[value])
        else:
            yield finding(Kind.VALUE_RENAMED, value, f"is called `{heir.removeprefix(prefix)}` now", before[value])
    for value in now.keys() - before.keys():
        if now[value] in before.values():
            continue
        if value in old.reserved_name:
            yield finding(Kind.VALUE_RETURNED, value, "is back, under a new number", value)
        else:
            yield finding(Kind.VALUE_ADDED, value, "is new")
    for value in now.keys() & before.keys():
        if now[value] != before[value]:
            what = f"has number {now[value]} instead of {before[value]}"
            yield finding(Kind.RENUMBERED, value, what, before[value])
