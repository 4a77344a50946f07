"""`meshgen run`: build the graphs, bring the mesh up, say how that goes, and stop when asked to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from functools import partial
from typing import assert_never

from meshgen import workspace
from meshgen.cli import rebuilding
from meshgen.cli.terminal import only_results_on_stdout, say
from meshgen.control import environment
from meshgen.control.mesh import run_mesh
from meshgen.control.model import (
    Addresses,
    ErrorsEvent,
    Event,
    MeshOptions,
    NodeEvent,
    NoteEvent,
    PhaseEvent,
    Revision,
)

_SILENCE_S = 10.0
"""After which a person wonders."""


def run_until_stopped(graphs: Sequence[str], options: MeshOptions) -> None:
    """Run until SIGINT or SIGTERM.

    Raises:
        GraphError: a graph has problems.
        MeshgenError: two graphs have one name.
        MeshError: the mesh did not start, or a part of it broke.
    """
    loaded_at = time.time()
    environment.apply(environment.of_ray(options))  # before the graphs, whose files may import Ray
    with only_results_on_stdout():
        revision = rebuilding.built(graphs)
    for graph, target in zip(graphs, revision.targets, strict=True):
        if workspace.stale(target.root, target.files):
            say(f"note: the generated files of {graph} are not current; `meshgen build {graph}` writes them")
    asyncio.run(_run(graphs, revision, options, loaded_at))


async def _run(graphs: Sequence[str], revision: Revision, options: MeshOptions, loaded_at: float) -> None:
    account = Account()
    reminding = asyncio.create_task(account.remind())
    try:
        rebuild = partial(rebuilding.rebuilt, graphs) if options.reload else None
        told = account.tell
        await run_mesh(revision, options, progress=told, ready=_show, loaded_at=loaded_at, rebuild=rebuild)
    finally:
        reminding.cancel()


class Account:
    """Says how a run goes: each event as a line, and while it starts or stops that nothing has happened for a while."""

    def __init__(self) -> None:
        """Start the clock."""
        self._started = self._said = time.monotonic()
        self._last = ""
        self._running: dict[tuple[str, str | None], bool] = {}

    def tell(self, event: Event) -> None:
        """Say it, with the time since the start."""
        match event:
            case PhaseEvent(phase=phase, message=message):
                if phase == "deploying":
                    self._running.clear()  # from here on, those count that are deployed now
                text = message or phase
                self._last = text if phase in {"starting", "deploying", "stopping"} else ""
            case NodeEvent():
                self._running[event.graph, event.node] = event.state == "running"
                text = _line(event) + (f" ({self._count()})" if event.state == "running" else "")
            case NoteEvent(text=text) | ErrorsEvent(text=text):
                pass
            case _:
                assert_never(event)
        self._say(text)

    async def remind(self) -> None:
        """For ever: say what the start, or the end, is at when no event has come for a while."""
        while True:
            await asyncio.sleep(_SILENCE_S / 10)
            if self._last and time.monotonic() - self._said >= _SILENCE_S:
                starts = self._running and self._last != "stopping"
                count = f": {self._count()} running" if starts else ""
                self._say(f"still {self._last}{count}")

    def _count(self) -> str:
        return f"{sum(self._running.values())} of {len(self._running)}"

    def _say(self, text: str) -> None:
        self._said = time.monotonic()
        say(f"{self._said - self._started:6.1f} s  {text}", margin=" " * 10)


def _line(event: NodeEvent) -> str:
    name = f"{event.graph}/{event.node or 'driver'}"
    count = f" {event.running}/{event.wanted}" if event.wanted > 1 else ""
    message = f": {event.message}" if event.message else ""
    return f"{name:<40} {event.state}{count}{message}"


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
