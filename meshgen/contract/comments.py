"""Comments of a file descriptor: `source_code_info`, addressed by the path of field numbers to the element."""

from __future__ import annotations

import inspect
from typing import TypeAlias

from google.protobuf.descriptor_pb2 import FileDescriptorProto

Path: TypeAlias = tuple[int, ...]
"""A place in a file, as `descriptor.proto` has it: (4, 0, 2, 1) is the second field of the first message."""


class Comments:
    """Comments of one file, collected while it is built."""

    def __init__(self) -> None:
        self._texts: dict[Path, str] = {}

    def add(self, path: Path, text: str) -> None:
        """Put a docstring above the element at `path`; an empty one is left out."""
        clean = inspect.cleandoc(text.encode("utf-8", "replace").decode())
        if clean.strip():
            self._texts[path] = clean

    def write(self, file: FileDescriptorProto) -> None:
        """Store the comments in the file."""
        for path, text in sorted(self._texts.items()):
            lines = "".join(f" {line.rstrip()}".rstrip() + "\n" for line in text.splitlines())
            file.source_code_info.location.add(path=path, span=(0, 0, 0), leading_comments=lines)


def comments_of(file: FileDescriptorProto) -> dict[Path, str]:
    """The comments of a file by path, as protobuf keeps them: one leading space on each line."""
    return {tuple(item.path): item.leading_comments for item in file.source_code_info.location}
