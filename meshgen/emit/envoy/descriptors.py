"""One descriptor set for several graphs."""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from meshgen.errors import MeshgenError


def merge_descriptors(sets: Iterable[FileDescriptorSet]) -> FileDescriptorSet:
    """All files once, dependencies first.

    Raises:
        MeshgenError: two graphs bring different files of one name (two graphs called alike).
    """
    files: dict[str, FileDescriptorProto] = {}
    for file in (file for one in sets for file in one.file):
        if files.setdefault(file.name, file) != file:
            raise MeshgenError(f"two graphs bring different contracts named {file.name!r}; rename one of the graphs")
    return FileDescriptorSet(file=files.values())
