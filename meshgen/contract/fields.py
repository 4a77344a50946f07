"""Adding a field to a message descriptor, with what proto3 asks for: presence, JSON name, map entries."""

from __future__ import annotations

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto

from meshgen.naming import pascal


def add_field(
    message: DescriptorProto,
    name: str,
    number: int,
    type_: str,
    *,
    json: str = "",
    repeated: bool = False,
    oneof: str = "",
) -> FieldDescriptorProto:
    """Add a field. `type_` is a scalar (`int64`) or a kind and a full name (`message .pkg.Label`).

    In JSON it is called `json`, or by its own name: readers and writers of JSON need no setting to agree on that.

    A singular scalar or enum becomes `optional`, so that its absence shows; messages and the members of a oneof show
    it anyway. A oneof must be declared already.
    """
    field = message.field.add(name=name, number=number, json_name=json or name)
    kind, _, type_name = type_.partition(" ")
    field.type = FieldDescriptorProto.Type.Value(f"TYPE_{kind.upper()}")
    if type_name:
        field.type_name = type_name
    field.label = FieldDescriptorProto.LABEL_REPEATED if repeated else FieldDescriptorProto.LABEL_OPTIONAL
    if oneof:
        field.oneof_index = [declared.name for declared in message.oneof_decl].index(oneof)
    elif not repeated and kind != "message":
        field.proto3_optional = True
        field.oneof_index = len(message.oneof_decl)
        message.oneof_decl.add(name=f"_{name}")
    return field


def add_map(
    message: DescriptorProto, full_name: str, name: str, number: int, key: str, value: str, *, json: str = ""
) -> FieldDescriptorProto:
    """Add a map field to the message `full_name` (with its leading dot). `value` is as in `add_field`."""
    entry = message.nested_type.add(name=f"{pascal(name)}Entry")
    entry.options.map_entry = True
    for part, part_number, type_ in (("key", 1, key), ("value", 2, value)):
        kind, _, type_name = type_.partition(" ")
        field = entry.field.add(name=part, number=part_number, json_name=part)
        field.label = FieldDescriptorProto.LABEL_OPTIONAL
        field.type = FieldDescriptorProto.Type.Value(f"TYPE_{kind.upper()}")
        if type_name:
            field.type_name = type_name
    return add_field(message, name, number, f"message {full_name}.{entry.name}", json=json, repeated=True)
