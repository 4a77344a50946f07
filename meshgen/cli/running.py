"""`meshgen run`: build the graphs, bring the mesh up, say how that goes, and stop when asked to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import assert_never

from meshgen import workspace
from meshgen.cli.compiling import compiled, load_graphs
from meshgen.cli.terminal import only_results_on_stdout, say
from meshgen.control.mesh import run_mesh
from meshgen.control.model import Addresses, ErrorsEvent, Event, MeshOptions, NodeEvent, PhaseEvent, Target
from meshgen.frontend import Loaded


def run_until_stopped(graphs: Sequence[str], options: MeshOptions) -> None:
    """Run until SIGINT or SIGTERM.

    Raises:
        GraphError: a graph has problems.
        MeshgenError: two graphs have one name.
        MeshError: the mesh did not start, or a part of it broke.
    """
    with only_results_on_stdout():
        targets = [_target(target, loaded) for target, loaded in load_graphs(graphs)]
    asyncio.run(_run(targets, options))


def _target(graph: str, loaded: Loaded) -> Target:
    build = compiled(loaded, loaded.root)
    for problem in build.diagnostics:
        say(problem.render())
    if workspace.stale(loaded.root, build.files):
        say(f"note: the generated files of {graph} are not current; `meshgen build {graph}` writes them")
    return Target(root=loaded.root, plan=build.plan, files=build.files)


async def _run(targets: Sequence[Target], options: MeshOptions) -> None:
    started = time.monotonic()

    def progress(event: Event) -> None:
        say(f"{time.monotonic() - started:6.1f} s  {_line(event)}")

    await run_mesh(targets, options, progress=progress, ready=_show)


def _line(event: Event) -> str:
    match event:
        case PhaseEvent(phase=phase, message=message):
            return message or phase
        case NodeEvent(graph=graph, node=node, state=state, running=running, wanted=wanted, message=message):
            name = f"{graph}/{node or 'driver'}"
            count = f" {running}/{wanted}" if wanted > 1 else ""
            return f"{name:<40} {state}{count}{f': {message}' if message else ''}"
        case ErrorsEvent(text=text):
            return text
        case _:
            assert_never(event)


def _show(addresses: Addresses) -> None:
    """Where to send requests, on stdout."""
    lines = [
        *(f"REST    POST {url}" for url in addresses.rest),
        f"gRPC    {addresses.grpc}",
        *(f"          {service}" for service in addresses.services),
        f"docs    {addresses.docs}",
        f"health  {addresses.health}",
        f"logs    {addresses.logs}",
        "Ctrl-C stops it.",
    ]
    print("\n".join(lines), flush=True)
