"""Deploys again what edits change, while the rest of a run goes on (`meshgen run --reload`)."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from watchfiles import Change, awatch

from meshgen import pinned
from meshgen.control import deploy
from meshgen.control.agent.discovery import Discovery
from meshgen.control.cluster import Application, Cluster
from meshgen.control.front import Front
from meshgen.control.layout import Layout
from meshgen.control.model import ErrorsEvent, Event, MeshError, NoteEvent, PhaseEvent, Revision, StartError
from meshgen.control.revision.rollout import roll_out

_QUIET_MS = 300
"""Without an edit after which a row of edits, as of a checkout, is over; twenty times that at most."""
_LIMIT_S = 120.0
_GOES_ON = "what ran before goes on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """The graphs as they are now, and their applications."""

    revision: Revision
    applications: tuple[Application, ...]


class Rebuild(Protocol):
    """Builds the graphs of a run from the sources as they are now."""

    def __call__(self, before: Layout, now: Layout) -> Awaitable[Rebuilt | None]:
        """The graphs, with sources and generated files where `now` has them; None for what cannot be built.

        Whoever reads along has then been told why.
        """


class Reload:
    """Follows the edits of a run."""

    def __init__(
        self,
        rebuild: Rebuild,
        revision: Revision,
        applications: Sequence[Application],
        layout: Layout,
        cluster: Cluster,
        discovery: Discovery,
        front: Front,
        tell: Callable[[Event], None],
    ) -> None:
        self._rebuild = rebuild
        self._revision = revision
        self._running = {application.name: application for application in applications}
        self._tried = layout
        """The layout with the sources that were taken last, whether they could be served or not."""
        self._cluster = cluster
        self._discovery = discovery
        self._front = front
        self._tell = tell

    async def run(self) -> None:
        """For ever: wait for an edit, and serve it if it can be."""
        while True:
            folders = pinned.folders(self._tried.sources)
            async for _ in awatch(
                *folders, recursive=False, watch_filter=_is_source, step=_QUIET_MS, raise_interrupt=False
            ):
                await self._edited()
                while pinned.is_outdated(self._tried.sources):  # edited meanwhile
                    await self._edited()
                if pinned.folders(self._tried.sources) != folders:
                    break

    async def _edited(self) -> None:
        before, self._tried = self._tried, self._tried.revised(self._tried.revision + 1)
        self._tell(PhaseEvent(phase="deploying", message="edited: building again"))
        rebuilt = await self._rebuild(before, self._tried)
        if rebuilt is None:
            self._told(f"this cannot be served; {_GOES_ON}")
        else:
            await self._take(rebuilt)

    async def _take(self, rebuilt: Rebuilt) -> None:
        now = {application.name: application for application in rebuilt.applications}
        changed = {name for name, app in now.items() if app.version != _version(self._running.get(name))}
        gone = self._running.keys() - now.keys()
        if changed and not await self._deployed(rebuilt, changed, now):
            return
        renewed = await self._front.renew(rebuilt.revision)
        await self._cluster.retire(sorted(gone))
        self._discovery.set_clusters(tuple(now))
        # What has not changed goes on from the sources that it has.
        self._running = {name: app if name in changed else self._running[name] for name, app in now.items()}
        self._revision = rebuilt.revision
        self._told(_summary(changed, gone, renewed=renewed))

    async def _deployed(self, rebuilt: Rebuilt, changed: set[str], now: dict[str, Application]) -> bool:
        """Deploy what has changed; when that fails, what ran before again, and say so."""
        names = ", ".join(sorted(changed))
        self._tell(PhaseEvent(phase="deploying", message=f"deploying {names}"))
        workloads = [d for d in deploy.deployed(rebuilt.revision.targets) if d.workload.application in changed]
        self._discovery.set_clusters(tuple(self._running | now))
        try:
            await self._roll_out([now[name] for name in sorted(changed)], workloads, self._tell)
        except MeshError as error:
            if not isinstance(error, StartError):  # that its node has told
                self._tell(ErrorsEvent(text=str(error)))
            await self._roll_back(changed)
            self._told(f"{names}: this cannot be served; {_GOES_ON}")
            return False
        return True

    async def _roll_back(self, changed: set[str]) -> None:
        before = [self._running[name] for name in sorted(changed & self._running.keys())]
        workloads = [d for d in deploy.deployed(self._revision.targets) if d.workload.application in changed]
        await self._cluster.retire(sorted(changed - self._running.keys()))
        await self._roll_out(before, workloads, lambda _: None)
        self._discovery.set_clusters(tuple(self._running))

    async def _roll_out(
        self, applications: Sequence[Application], workloads: Sequence[deploy.Deployed], tell: Callable[[Event], None]
    ) -> None:
        self._discovery.waits_for_word = False
        try:
            progress = deploy.Progress(workloads, tell)
            until = time.monotonic() + _LIMIT_S
            await roll_out(applications, progress, self._cluster, self._discovery, until=until)
        finally:
            self._discovery.waits_for_word = True

    def _told(self, text: str) -> None:
        self._tell(NoteEvent(text=text))
        self._tell(PhaseEvent(phase="ready"))


def _is_source(_change: Change, path: str) -> bool:
    return path.endswith(".py")


def _version(application: Application | None) -> str | None:
    return None if application is None else application.version


def _summary(changed: set[str], gone: set[str], *, renewed: bool) -> str:
    parts = [f"{', '.join(sorted(changed))}: as edited"] if changed else []
    parts += [f"{', '.join(sorted(gone))}: gone"] if gone else []
    parts += ["the front has the new contracts"] if renewed else []
    return "; ".join(parts) or "nothing that runs is made from what was edited"
