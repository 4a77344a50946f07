"""Keeps the sources of the users' projects as they were when a run started."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from meshgen import pinned
from meshgen.control.model import MeshError
from meshgen.graph.reach.sources import loaded_roots
from meshgen.source import relative


def keep(roots: Iterable[Path], folder: Path, *, loaded_at: float) -> tuple[str, ...]:
    """Copy the sources that the graphs were loaded from, and import from the copies from now on.

    Args:
        roots: the projects, resolved.
        folder: for the copies; it is made.
        loaded_at: before the first graph was loaded, in seconds since 1970.

    Returns:
        What a person should know.

    Raises:
        MeshError: a file was edited after it was loaded, so that the copy may be of something else.
    """
    folder.mkdir()
    too_large = pinned.take((*roots, *loaded_roots()), folder)
    if edited := pinned.changed_since(folder, loaded_at):
        raise MeshError(f"{relative(edited)} was edited while the run started; start it again")
    pinned.serve(folder)
    text = "has too many folders: of the deepest, what is served is what is on disk. A `pyproject.toml` marks a project"
    return tuple(f"{root} {text}" for root in too_large)
