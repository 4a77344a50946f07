"""What descriptors say in a roundabout way: the oneofs and maps of a message, and the paths of comments."""

from __future__ import annotations

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto

MESSAGE, ENUM, SERVICE = 4, 5, 6
"""The parts of a file by their numbers in `google/protobuf/descriptor.proto`, of which paths of comments are made."""
FIELD, ONEOF = 2, 8
"""The parts of a message."""
METHOD = 2
"""The part of a service."""


def real_oneof(message: DescriptorProto, field: FieldDescriptorProto) -> str:
    """The oneof that a field is in; empty for none, and for the one that `optional` makes."""
    if not field.HasField("oneof_index") or field.proto3_optional:
        return ""
    return message.oneof_decl[field.oneof_index].name


def oneofs(message: DescriptorProto) -> dict[str, tuple[FieldDescriptorProto, ...]]:
    """The members of each oneof by its name, those that `optional` makes aside."""
    found: dict[str, tuple[FieldDescriptorProto, ...]] = {}
    for field in message.field:
        if name := real_oneof(message, field):
            found[name] = (*found.get(name, ()), field)
    return found


def map_entry(message: DescriptorProto, full_name: str, field: FieldDescriptorProto) -> DescriptorProto | None:
    """The entry of a map field; None for any other field. `full_name` is that of the message, without a leading dot."""
    entries = {f".{full_name}.{inner.name}": inner for inner in message.nested_type if inner.options.map_entry}
    return entries.get(field.type_name)
