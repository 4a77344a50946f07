"""Builds the graphs of a run again in a process of its own: one that has imported a graph keeps it as it was."""

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
from meshgen.control.layout import Layout
from meshgen.control.reload import Rebuilt
from meshgen.errors import GraphError, MeshgenError

_RESULT = "revision"


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
    from meshgen.cli.running import built
    from meshgen.control import deploy
    from meshgen.control.layout import write_tree
    from meshgen.control.sources import keep

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
