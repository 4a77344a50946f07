"""`check` and `build`: what the commands ask of the compiler and of the workspace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from meshgen import workspace
from meshgen.compiler import Build, breaking_diagnostics, compile_graph
from meshgen.errors import Diagnostic, GraphError, MeshgenError, once
from meshgen.frontend import Loaded, load_graph
from meshgen.graph.model import Graph
from meshgen.graph.option_names import known_keys
from meshgen.graph.options import OPTIONS
from meshgen.plan.verify import not_data, option_owners


def compiled(loaded: Loaded, out: Path) -> Build:
    """The build of a graph for use right here, with the wire identity that `out` has on record. Raises GraphError."""
    return compile_graph(loaded, lock=workspace.read_lock(out, loaded.graph.name))


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedBuild:
    """A build, compared with the contracts on record; nothing is written yet."""

    build: Build
    root: Path
    """Where its files belong."""
    project: Path
    problems: tuple[Diagnostic, ...]
    """Warnings of the graph, and what its changes do to old clients and nodes: errors, unless they are allowed."""

    @property
    def safe_changes(self) -> tuple[str, ...]:
        """A line for each change that everybody survives."""
        return tuple(str(change) for change in self.build.changes if not change.breaking)

    @property
    def guest_lines(self) -> tuple[str, ...]:
        """A line for each host of nodes without replicas of their own."""
        mesh = self.build.plan.mesh
        hosts = ((w, ", ".join(f"'{s.node}'" for s in mesh.guests(w))) for w in mesh.workloads)
        return tuple(f"in the replicas of {_named(w.node)}: {guests}" for w, guests in hosts if guests)

    def write(self) -> tuple[str, ...]:
        """Write its files; the paths that changed."""
        return workspace.write(self.root, self.build.files)

    def stale(self) -> tuple[str, ...]:
        """The paths that writing its files would change."""
        return workspace.stale(self.root, self.build.files)


def _named(node: str | None) -> str:
    return "the driver" if node is None else f"'{node}'"


def compared(loaded: Loaded, out: Path, *, allow_breaking: bool) -> ComparedBuild:
    """The build of a graph, compared with what `out` has on record. Raises GraphError."""
    name = loaded.graph.name
    lock = workspace.read_lock(out, name)
    committed, missing = _committed(out, name, allow_breaking=allow_breaking)
    refused = tuple(once(_refused_options(loaded.graph), [*loaded.graph.by_name]))
    try:
        build = compile_graph(loaded, lock=lock, committed=committed)
    except GraphError as error:
        raise GraphError((*error.diagnostics, *refused)) from None
    if refused:
        raise GraphError(refused)
    changes = breaking_diagnostics(build, allow_breaking=allow_breaking)
    return ComparedBuild(build=build, root=out, project=loaded.root, problems=(*build.diagnostics, *missing, *changes))


def _refused_options(graph: Graph) -> Iterator[Diagnostic]:
    """MG503 for values that only Serve itself can judge. Asking it takes a second, so nobody asks without need."""
    for owner in option_owners(graph):
        given = owner.options.serve.items()
        asked = ((name, value) for name, value in given if name in OPTIONS and OPTIONS[name].takes is None)
        doubtful = {name: value for name, value in asked if not_data(value) is None}
        if not doubtful:
            continue
        from meshgen.rayserve.option_values import refused_values

        for name, path, reason in refused_values({name: known_keys(name, v) for name, v in doubtful.items()}):
            where = f"{name}{''.join(f'[{key!r}]' for key in path)}"
            yield owner.error("MG503", name, f"Ray Serve refuses `{where}`: {reason}", inside=path)


def _committed(
    out: Path, name: str, *, allow_breaking: bool
) -> tuple[FileDescriptorSet | None, tuple[Diagnostic, ...]]:
    found, missing = workspace.read_descriptors(out, name)
    if missing and not allow_breaking:
        raise GraphError(missing)
    return found, tuple(replace(d, severity="warning") for d in missing)


def checked(target: str, *, allow_breaking: bool) -> tuple[tuple[Diagnostic, ...], tuple[str, ...], tuple[str, ...]]:
    """Problems of a graph, from loading it to comparing it; a line for each safe change, and for each host of nodes."""
    try:
        loaded = load_graph(target)
        found = compared(loaded, loaded.root, allow_breaking=allow_breaking)
    except GraphError as error:
        return error.diagnostics, (), ()
    return found.problems, found.safe_changes, found.guest_lines


def builds(targets: Sequence[str], out: Path | None, *, allow_breaking: bool) -> dict[str, ComparedBuild]:
    """All graphs by target, for `out` or for their projects; so nothing is written when one of them has a problem.

    Raises:
        GraphError: a graph has problems.
        MeshgenError: two graphs have one name, or a graph is in no project and there is no `out`.
    """
    loaded_graphs = load_graphs(targets)
    for target, loaded in loaded_graphs:
        if out is None and not loaded.is_project:
            raise MeshgenError(
                f"'{target}' is in no project: no folder above it has a pyproject.toml, so its files have no place; "
                "make an empty one in the folder where protos/ and services/ belong, or say --out DIR"
            )
    return {
        target: compared(loaded, out or loaded.root, allow_breaking=allow_breaking) for target, loaded in loaded_graphs
    }


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


def abandoned_folders(built: Iterable[ComparedBuild]) -> tuple[tuple[str, str], ...]:
    """Generated folders of the graphs' projects whose source is gone, each with that source."""
    projects = sorted({each.project for each in built})
    return tuple(found for project in projects for found in workspace.abandoned_folders(project))
