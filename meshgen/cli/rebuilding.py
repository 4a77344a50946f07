"""Builds the graphs of a run; after an edit in a process of its own, for one that has imported a graph keeps it."""

from __future__ import annotations

import asyncio
import json
import math
import pickle
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from meshgen.cli import terminal
from meshgen.cli.compiling import compiled, load_graphs
from meshgen.compiler import Build
from meshgen.control.layout import Layout
from meshgen.control.model import Revision, Target
from meshgen.control.revision.reload import Rebuilt
from meshgen.emit.openapi import merged_openapi
from meshgen.errors import GraphError, MeshgenError

_RESULT = "revision"


def built(graphs: Sequence[str]) -> Revision:
    """The graphs as they are now; tells their warnings."""
    builds = [(target, loaded.root, compiled(loaded, loaded.root)) for target, loaded in load_graphs(graphs)]
    for *_, build in builds:
        for problem in build.diagnostics:
            terminal.say_block(problem.render())
    return Revision(
        targets=tuple(_target(root, build) for _, root, build in builds),
        openapi=merged_openapi([build.plan for *_, build in builds]),
    )


def _target(root: Path, build: Build) -> Target:
    plan = build.plan
    return Target(root=root, mesh=plan.mesh, descriptors=plan.contract.descriptors, files=build.files)


async def rebuilt(graphs: Sequence[str], before: Layout, now: Layout) -> Rebuilt | None:
    """The graphs from the sources as they are now; None when they cannot be built, which stderr says then.

    Args:
        graphs: as given to `meshgen run`.
        before: with the sources of the revision before, for the folders that were copied.
        now: where to put the sources and what is generated.
    """
    given = json.dumps([list(graphs), *map(str, (before.sources, now.sources, now.tree))])
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", __name__, given, stdin=subprocess.DEVNULL, stdout=sys.stderr
    )
    try:
        if await process.wait() != 0:
            return None
    finally:
        if process.returncode is None:
            process.kill()
    made: Rebuilt = pickle.loads((now.sources / _RESULT).read_bytes())  # noqa: S301 - our own process wrote it
    return made


def _rebuild(graphs: Sequence[str], before: Path, sources: Path, tree: Path) -> None:
    from meshgen import pinned
    from meshgen.control import deploy
    from meshgen.control.layout import write_tree
    from meshgen.control.revision.sources import keep

    keep(pinned.roots(before), sources, loaded_at=math.inf)
    revision = built(graphs)
    write_tree(tree, revision.targets)
    applications = deploy.applications(tree, revision.roots, deploy.deployed(revision.targets))
    made = Rebuilt(revision=revision, applications=tuple(applications))
    (sources / _RESULT).write_bytes(pickle.dumps(made))


def main(given: str) -> None:
    """Build; exit 1 for what a person has been told."""
    graphs, *folders = json.loads(given)
    try:
        _rebuild(graphs, *map(Path, folders))
    except (GraphError, MeshgenError) as error:
        terminal.report(error)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main(sys.argv[1])
