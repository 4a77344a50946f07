"""`check` and `build`: what the commands ask of the compiler and of the workspace."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from meshgen import workspace
from meshgen.compiler import Build, compile_graph
from meshgen.errors import Diagnostic, GraphError
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


def write_files(target: str, out: Path | None) -> tuple[int, int]:
    """Build a graph into `out`, or into its project; how many files it has, and how many of them changed."""
    loaded = load_graph(target)
    root = out or loaded.root
    build = compiled(loaded, root)
    return len(build.files), len(workspace.write(root, build.files))


def stale_files(target: str, out: Path | None) -> tuple[str, ...]:
    """The files that a build of the graph would change."""
    loaded = load_graph(target)
    root = out or loaded.root
    return workspace.stale(root, compiled(loaded, root).files)


def dead_folders(targets: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Generated folders of the graphs' projects whose source is gone, each with that source."""
    roots = sorted({load_graph(target).root for target in targets})
    return tuple(found for root in roots for found in workspace.dead(root))
