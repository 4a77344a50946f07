"""`check` and `build`: what the commands ask of the compiler and of the workspace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from meshgen import workspace
from meshgen.compiler import Build, compile_graph
from meshgen.emit.files import GeneratedFile
from meshgen.errors import Diagnostic, GraphError, MeshgenError
from meshgen.frontend import Loaded, load_graph


def compiled(loaded: Loaded, out: Path) -> Build:
    """The build of a graph, with the wire identity that `out` has on record. Raises GraphError."""
    return compile_graph(loaded, lock=workspace.read_lock(out, loaded.graph.name))


def problems_of(target: str) -> tuple[Diagnostic, ...]:
    """Errors and warnings of a graph, from loading it to compiling it."""
    try:
        loaded = load_graph(target)
        return compiled(loaded, loaded.root).diagnostics
    except GraphError as error:
        return error.diagnostics


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A graph as files that are not written yet."""

    target: str
    root: Path
    """Where the files belong."""
    files: tuple[GeneratedFile, ...]
    project: Path

    def write(self) -> tuple[str, ...]:
        """Write them; the paths that changed."""
        return workspace.write(self.root, self.files)

    def stale(self) -> tuple[str, ...]:
        """The paths that writing them would change."""
        return workspace.stale(self.root, self.files)


def builds(targets: Sequence[str], out: Path | None) -> tuple[Built, ...]:
    """All graphs compiled, for `out` or for their projects; so nothing is written when one of them has a problem.

    Raises:
        GraphError: a graph has problems.
        MeshgenError: two graphs have one name.
    """
    return tuple(
        Built(
            target=target,
            root=out or loaded.root,
            files=compiled(loaded, out or loaded.root).files,
            project=loaded.root,
        )
        for target, loaded in load_graphs(targets)
    )


def load_graphs(targets: Sequence[str]) -> tuple[tuple[str, Loaded], ...]:
    """Each target with its graph.

    Raises:
        GraphError: a graph has problems.
        MeshgenError: two graphs have one name, and so would have the same services and files.
    """
    found: dict[str, tuple[str, Loaded]] = {}
    for target in targets:
        loaded = load_graph(target)
        name = loaded.graph.name
        if name in found:
            raise MeshgenError(f"'{found[name][0]}' and '{target}' are graphs of one name, '{name}'; rename a file")
        found[name] = target, loaded
    return tuple(found.values())


def dead_folders(built: Sequence[Built]) -> tuple[tuple[str, str], ...]:
    """Generated folders of the graphs' projects whose source is gone, each with that source."""
    return tuple(found for root in sorted({each.project for each in built}) for found in workspace.dead(root))
