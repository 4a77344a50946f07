"""What a typed client needs of a contract: the messages of one service, without options and the services of nodes."""

from __future__ import annotations

from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto, FileDescriptorSet

_OF_OPTIONS = ("buf/validate/", "google/api/")
"""Folders of files that contracts import for their options alone."""


def needed_descriptors(descriptors: FileDescriptorSet, path: str) -> FileDescriptorSet:
    """The file `path` and what it imports, dependencies first; the bytes of its messages stay what they are.

    Args:
        descriptors: with everything that the file imports, dependencies first.
        path: of the service's file.
    """
    needed = {path}
    found: list[FileDescriptorProto] = []
    for file in reversed(descriptors.file):
        if file.name in needed:
            found.append(_without_options(file))
            needed.update(found[-1].dependency)
    return FileDescriptorSet(file=reversed(found))


def _without_options(file: FileDescriptorProto) -> FileDescriptorProto:
    bare = FileDescriptorProto()
    bare.CopyFrom(file)
    bare.ClearField("options")
    bare.ClearField("source_code_info")
    kept = [name for name in bare.dependency if not name.startswith(_OF_OPTIONS)]
    del bare.dependency[:]
    bare.dependency.extend(kept)
    for message in bare.message_type:
        _clear(message)
    for service in bare.service:
        service.ClearField("options")
        for method in service.method:
            method.ClearField("options")
    return bare


def _clear(message: DescriptorProto) -> None:
    """The options of a message itself stay: they tell which ones are the entries of a map."""
    for field in message.field:
        field.ClearField("options")
    for oneof in message.oneof_decl:
        oneof.ClearField("options")
    for nested in message.nested_type:
        _clear(nested)
