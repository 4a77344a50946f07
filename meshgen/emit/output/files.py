"""A generated file before anybody writes it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GeneratedFile:
    """Path (posix, relative to the output root) and bytes."""

    path: str
    content: bytes
    keep: bool = False
    """Written when it is missing; one that is there stays, whatever is in it."""

    @classmethod
    def text(cls, path: str, content: str, *, keep: bool = False) -> GeneratedFile:
        """A UTF-8 text file."""
        return cls(path, content.encode(), keep)
