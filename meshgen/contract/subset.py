"""The part of a contract that a few of its packages need."""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet


def subset(descriptors: FileDescriptorSet, paths: Iterable[str]) -> FileDescriptorSet:
    """Some files and what they import, dependencies first.

    Args:
        descriptors: with everything that the files import, dependencies first.
        paths: of the files, those that are not there aside.
    """
    needed = set(paths)
    found: list[FileDescriptorProto] = []
    for file in reversed(descriptors.file):
        if file.name in needed:
            found.append(file)
            needed.update(file.dependency)
    return FileDescriptorSet(file=reversed(found))
