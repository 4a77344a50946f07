"""What `buf breaking` flags between two contracts, by its rules WIRE and WIRE_JSON (buf 1.75).

Only what our contracts can break: they have no extensions, groups, proto2 defaults or features.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from google.protobuf.descriptor_pb2 import DescriptorProto, EnumDescriptorProto, FieldDescriptorProto

from meshgen.contract.compare.described import Described, reserved_numbers
from meshgen.contract.descriptors import real_oneof

Key: TypeAlias = tuple[str, int | str]
"""A message or enum, and a number or a reserved name of it; an rpc and nothing."""


@dataclass(frozen=True, slots=True)
class Flags:
    """Which categories of rules flag a change."""

    wire: bool = False
    json: bool = False

    def __or__(self, other: Flags) -> Flags:
        return Flags(self.wire or other.wire, self.json or other.json)


_BOTH = Flags(wire=True, json=True)
_JSON = Flags(json=True)  # WIRE_JSON asks for everything that WIRE asks for, and more
_NONE = Flags()

_Field = FieldDescriptorProto
_INTEGERS = {_Field.TYPE_INT32, _Field.TYPE_INT64, _Field.TYPE_UINT32, _Field.TYPE_UINT64, _Field.TYPE_BOOL}
"""Types that read each other's bytes."""


def flagged(old: Described, new: Described) -> Mapping[Key, Flags]:
    """Everything that is flagged, by its place."""
    found: dict[Key, Flags] = {}
    for key, flags in _all(old, new):
        found[key] = found.get(key, _NONE) | flags
    return {key: flags for key, flags in found.items() if flags != _NONE}


def _all(old: Described, new: Described) -> Iterator[tuple[Key, Flags]]:
    for name in old.messages.keys() & new.messages.keys():
        found = _message(name, old, new)
        yield from _of_map(name, old, found) if old.messages[name].options.map_entry else found
    for name in old.enums.keys() & new.enums.keys():
        yield from _enum(name, old.enums[name], new.enums[name])
    for name in old.rpcs.keys() & new.rpcs.keys():
        yield (name, ""), _BOTH if _rpc_shape(old, name) != _rpc_shape(new, name) else _NONE


def _of_map(entry: str, old: Described, found: Iterable[tuple[Key, Flags]]) -> Iterator[tuple[Key, Flags]]:
    """What is flagged of a map's entry, as flagged of the map field."""
    message = entry.rpartition(".")[0]
    numbers = [item.number for item in old.messages[message].field if item.type_name == f".{entry}"]
    return (((message, number), flags) for _, flags in found for number in numbers)


def _rpc_shape(contract: Described, name: str) -> tuple[object, ...]:
    method = contract.rpcs[name].method
    streams = (method.client_streaming, method.server_streaming)
    return (method.input_type, method.output_type, streams, method.options.idempotency_level)


def _message(name: str, old: Described, new: Described) -> Iterator[tuple[Key, Flags]]:
    before, now = old.messages[name], new.messages[name]
    fields = {item.number: item for item in now.field}
    for item in before.field:
        match = fields.get(item.number)
        if match is None:
            yield (name, item.number), _deleted(item.number, [item.name], now)
        else:
            yield (name, item.number), _renamed(item, match) | _moved(before, item, now, match)
            yield (name, item.number), _retyped(item, match, old, new)
    yield from _unreserved(name, before, now)


def _enum(name: str, before: EnumDescriptorProto, now: EnumDescriptorProto) -> Iterator[tuple[Key, Flags]]:
    values = {value.number: value.name for value in now.value}
    for value in before.value:
        if value.number not in values:
            yield (name, value.number), _deleted(value.number, [value.name], now)
        elif values[value.number] != value.name:
            yield (name, value.number), _JSON
    yield from _unreserved(name, before, now)


def _deleted(number: int, names: Iterable[str], now: DescriptorProto | EnumDescriptorProto) -> Flags:
    number_flag = _NONE if number in reserved_numbers(now) else _BOTH
    return number_flag | (_NONE if set(names) <= set(now.reserved_name) else _JSON)


def _unreserved(
    name: str, before: DescriptorProto | EnumDescriptorProto, now: DescriptorProto | EnumDescriptorProto
) -> Iterator[tuple[Key, Flags]]:
    yield from (((name, number), _BOTH) for number in reserved_numbers(before) - reserved_numbers(now))
    yield from (((name, gone), _BOTH) for gone in set(before.reserved_name) - set(now.reserved_name))


def _renamed(before: FieldDescriptorProto, now: FieldDescriptorProto) -> Flags:
    return _NONE if (before.name, before.json_name) == (now.name, now.json_name) else _JSON


def _moved(
    before: DescriptorProto, was: FieldDescriptorProto, now: DescriptorProto, item: FieldDescriptorProto
) -> Flags:
    return _NONE if real_oneof(before, was) == real_oneof(now, item) else _BOTH


def _retyped(before: FieldDescriptorProto, now: FieldDescriptorProto, old: Described, new: Described) -> Flags:
    many = (_cardinality(before, old), _cardinality(now, new))
    flags = _NONE if many[0] == many[1] else _BOTH if "single" in many else _JSON
    if before.type != now.type:
        return flags | (_JSON if _same_bytes(before.type, now.type) else _BOTH)
    if before.type_name == now.type_name:
        return flags
    return flags | (_NONE if _same_enum(before, now, old, new) else _BOTH)


def _cardinality(item: FieldDescriptorProto, contract: Described) -> str:
    if item.label != FieldDescriptorProto.LABEL_REPEATED:
        return "single"
    return "list" if contract.entry(item) is None else "map"


def _same_bytes(before: int, now: int) -> bool:
    return {before, now} <= _INTEGERS or (before, now) == (_Field.TYPE_STRING, _Field.TYPE_BYTES)


def _same_enum(before: FieldDescriptorProto, now: FieldDescriptorProto, old: Described, new: Described) -> bool:
    one, other = (c.enums.get(f.type_name.lstrip(".")) for c, f in ((old, before), (new, now)))
    if one is None or other is None or one.name != other.name:
        return False
    return {(v.name, v.number) for v in one.value} <= {(v.name, v.number) for v in other.value}
