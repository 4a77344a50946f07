"""Random messages of a contract, and whether a message keeps to it, by what the descriptors alone say."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import FieldDescriptor, OneofDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.message import Message

from meshgen.contract.validation import one_is_required, rules_of


class Messages:
    """The messages of one contract."""

    def __init__(self, descriptors: FileDescriptorSet) -> None:
        self.pool = descriptor_pool.DescriptorPool()
        self._rules: dict[str, Mapping[str, Any]] = {}
        self._required: set[str] = set()
        for file in descriptors.file:
            self.pool.AddSerializedFile(file.SerializeToString())
            for message in file.message_type:
                full = f"{file.package}.{message.name}"
                self._rules |= {f"{full}.{item.name}": rules_of(item) for item in message.field}
                self._required |= {f"{full}.{oneof.name}" for oneof in message.oneof_decl if one_is_required(oneof)}

    def __contains__(self, full: str) -> bool:
        try:
            self.pool.FindMessageTypeByName(full)
        except KeyError:
            return False
        return True

    def new(self, full: str) -> Message:
        """An empty message."""
        return message_factory.GetMessageClass(self.pool.FindMessageTypeByName(full))()

    # --- writing ---------------------------------------------------------------------------------------------------

    def fill(self, message: Message, rand: random.Random, depth: int = 0) -> Message:
        """Set what must be set, and some of the rest, to values that the contract takes."""
        if message.DESCRIPTOR.full_name == "google.protobuf.Value":
            message.string_value = "v"  # type: ignore[attr-defined]  # one that is nothing has no JSON
        for field in self._chosen(message, rand):
            rules = self._rules.get(field.full_name, {})
            part = getattr(message, field.name)
            rounds = range(rand.randint(0, 2) if depth < 4 else 0)
            match field:
                case _ if is_map(field):
                    self._entries(part, field, rules, rand, depth)
                case FieldDescriptor(is_repeated=True, message_type=None):
                    part.extend(_value(field, rules, "repeated.items.", rand) for _ in rounds)
                case FieldDescriptor(is_repeated=True):
                    part.extend(self.fill(self.new(field.message_type.full_name), rand, depth + 1) for _ in rounds)
                case FieldDescriptor(message_type=None):
                    setattr(message, field.name, _value(field, rules, "", rand))
                case _:
                    part.SetInParent()
                    self.fill(part, rand, depth + 1)
        return message

    def _chosen(self, message: Message, rand: random.Random) -> Iterator[FieldDescriptor]:
        if not is_own(message):
            return
        for oneof in real_oneofs(message):
            if oneof.full_name in self._required or rand.random() < 0.7:
                yield rand.choice(list(oneof.fields))
        for field in message.DESCRIPTOR.fields:
            alone = field.containing_oneof not in real_oneofs(message)
            if alone and (self._rules.get(field.full_name, {}).get("required") or rand.random() < 0.7):
                yield field

    def _entries(
        self, part: Any, field: FieldDescriptor, rules: Mapping[str, Any], rand: random.Random, depth: int
    ) -> None:
        value = field.message_type.fields_by_name["value"]
        for key in ("k", "l")[: rand.randint(0, 2) if depth < 4 else 0]:
            if value.message_type:
                self.fill(part[key], rand, depth + 1)
            else:
                part[key] = _value(value, rules, "map.values.", rand)

    # --- reading ---------------------------------------------------------------------------------------------------

    def faults(self, message: Message) -> Iterator[str]:
        """What the contract does not allow."""
        if not is_own(message):
            return
        for oneof in real_oneofs(message):
            if oneof.full_name in self._required and message.WhichOneof(oneof.name) is None:
                yield f"{oneof.full_name} is required"
        for field in message.DESCRIPTOR.fields:
            rules = self._rules.get(field.full_name, {})
            if rules.get("required") and not message.HasField(field.name):
                yield f"{field.full_name} is required"
            for item, prefix in _items(message, field):
                if isinstance(item, Message):
                    yield from self.faults(item)
                elif not _fits(field, item, rules, prefix):
                    yield f"{field.full_name}={item!r}"


def is_own(message: Message) -> bool:
    return not message.DESCRIPTOR.full_name.startswith(("google.", "meshgen."))


def is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def real_oneofs(message: Message) -> list[OneofDescriptor]:
    """Without those that `optional` makes."""
    return [oneof for oneof in message.DESCRIPTOR.oneofs if not oneof.name.startswith("_")]


def _items(message: Message, field: FieldDescriptor) -> list[tuple[Any, str]]:
    value = getattr(message, field.name)
    if is_map(field):
        return [(value[key], "map.values.") for key in value]
    if field.is_repeated:
        return [(item, "repeated.items.") for item in value]
    return [(value, "")] if message.HasField(field.name) else []


def _value(field: FieldDescriptor, rules: Mapping[str, Any], prefix: str, rand: random.Random) -> Any:
    if chosen := rules.get(f"{prefix}string.in"):
        return rand.choice(list(chosen))
    if f"{prefix}string.uuid" in rules:
        return str(uuid.UUID(int=rand.getrandbits(128)))
    if field.enum_type is not None:
        return rand.choice([value.number for value in field.enum_type.values if value.number])
    match field.cpp_type:
        case FieldDescriptor.CPPTYPE_STRING if field.type == FieldDescriptor.TYPE_BYTES:
            return b"ab"
        case FieldDescriptor.CPPTYPE_STRING:
            return rand.choice(["x", "p", "q"])
        case FieldDescriptor.CPPTYPE_BOOL:
            return True
        case _:
            return rand.choice([1, 5, 9] if any("int64" in path for path in rules) else [-3, 0, 70])


def _fits(field: FieldDescriptor, value: Any, rules: Mapping[str, Any], prefix: str) -> bool:
    if is_map(field):
        field = field.message_type.fields_by_name["value"]
    if field.enum_type is not None:
        return value != 0 and value in field.enum_type.values_by_number
    if isinstance(value, str):
        known = rules.get(f"{prefix}string.in", [value])
        is_uuid = len(value) == 36 or f"{prefix}string.uuid" not in rules
        return value in known and is_uuid and len(value) >= rules.get(f"{prefix}string.min_len", 0)
    if isinstance(value, int):
        low, high = rules.get(f"{prefix}int64.gte", value), rules.get(f"{prefix}int64.lt", value + 1)
        return bool(low <= value < high)
    return True
