"""Maps of a contract as lists of their entries, which keep the order of a dict.

Both are the same bytes: protobuf writes a map as a repeated message of a key and a value. But its Python library keeps
maps in tables of hashes, and so forgets in which order the entries were put or came. Canonical bytes (to compare, to
hash) are another matter: whoever wants them sorts by himself.
"""

from __future__ import annotations

from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto, FileDescriptorSet

_SYNTAX = "proto3"


def with_ordered_maps(files: FileDescriptorSet) -> FileDescriptorSet:
    """The same files with repeated messages for maps."""
    ordered = FileDescriptorSet()
    ordered.CopyFrom(files)
    for message in (message for file in ordered.file for message in _messages_of(file)):
        if message.options.map_entry:
            _unmap(message)
    return ordered


def _messages_of(file: FileDescriptorProto) -> list[DescriptorProto]:
    found = list(file.message_type) if file.syntax == _SYNTAX else []
    for message in found:  # which grows meanwhile
        found += message.nested_type
    return found


def _unmap(message: DescriptorProto) -> None:
    message.ClearField("options")
    for field in message.field:
        if field.type != field.TYPE_MESSAGE:
            # Zeros are written as well, as they are in maps: Envoy's transcoder leaves out an entry without a value.
            field.proto3_optional = True
            field.oneof_index = len(message.oneof_decl)
            message.oneof_decl.add(name=f"_{field.name}")
