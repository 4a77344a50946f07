"""Keeps Envoy's endpoints, and callers' lists, equal to Serve's running replicas; tells others of them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

from meshgen.control.agent.snapshot import AppStatus, parse
from meshgen.emit.envoy import endpoints_document, endpoints_path
from meshgen.emit.output.document import to_yaml
from meshgen.runtime.mesh.wire.pool import list_path, socket_path
from meshgen.tracebacks import kind_and_text

Snapshot: TypeAlias = Mapping[str, AppStatus]
Report: TypeAlias = Callable[[], Awaitable[Mapping[str, Any]]]
Word: TypeAlias = Callable[[], Awaitable[None]]
Ids: TypeAlias = tuple[str, ...]

_EAGER_S = 0.25
"""Between two polls while the mesh starts, and people look on."""
_PAUSE_S = 0.05
"""Between two polls however much changes."""
_WAITING_S = 5.0
"""Between two polls while Serve says nothing: for what its word may leave out."""
_REPORT_S = 10.0
"""Within which Serve tells what it runs."""
_log = logging.getLogger(__name__)


class Discovery:
    """Asks Serve; writes what Envoy and callers read, by cluster; calls the listeners with each snapshot."""

    def __init__(self, details: Report, changed: Word, folder: Path, replicas: Path, clusters: Sequence[str]) -> None:
        """What to keep equal to what.

        Args:
            details: Serve's report.
            changed: returns when there is something new in the report.
            folder: that Envoy watches.
            replicas: the folder of replicas' sockets, where callers look for lists of them.
            clusters: names of Envoy's clusters, which are those of Serve's applications.
        """
        self._details = details
        self._changed = changed
        self._word = asyncio.Event()
        self.waits_for_word = False
        """Ask when Serve has word of a change. Until set, every moment: a start has news that Serve does not tell."""
        self._folder = folder
        self._endpoints: dict[str, Ids] = {}
        self._replicas = replicas
        self._listed: dict[str, Ids] = {}
        self.listeners: list[Callable[[Snapshot], Awaitable[None]]] = []
        self.failed_since: float | None = None
        """Start of the present row of failed polls (monotonic seconds); None when the last one was good."""
        self.set_clusters(clusters)

    @property
    def endpoints(self) -> Mapping[str, Ids]:
        """The ids of the replicas that Envoy was last told of, by cluster."""
        return self._endpoints

    def set_clusters(self, clusters: Sequence[str]) -> None:
        """Replace the clusters; those that stay keep what is known of them."""
        for gone in self._endpoints.keys() - set(clusters):
            del self._endpoints[gone]
            self._listed.pop(gone, None)
        for fresh in [cluster for cluster in clusters if cluster not in self._endpoints]:
            Path(endpoints_path(str(self._folder), fresh)).parent.mkdir(parents=True, exist_ok=True)
            self._write(fresh, ())

    async def run(self) -> None:
        """Poll for ever. A poll that fails changes nothing: Envoy goes on with what it has."""
        listening: asyncio.Task[None] | None = None
        try:
            while True:
                if self.waits_for_word and listening is None:
                    listening = asyncio.create_task(self._listen())
                # What changes from here on may be missing in the report.
                self._word.clear()
                await self._poll()
                await self._rest()
        finally:
            if listening is not None:
                listening.cancel()

    async def _rest(self) -> None:
        if not self.waits_for_word or self.failed_since is not None:
            await asyncio.sleep(_EAGER_S)
            return
        await asyncio.sleep(_PAUSE_S)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._word.wait(), _WAITING_S)

    async def _listen(self) -> None:
        while True:
            try:
                await self._changed()
            except Exception as error:  # noqa: BLE001 - polls go on without
                _log.debug("discovery: no word from Serve: %s", kind_and_text(error))
                await asyncio.sleep(_WAITING_S)
            self._word.set()

    async def _poll(self) -> None:
        try:
            snapshot = parse(await asyncio.wait_for(self._details(), timeout=_REPORT_S))
            self.update(snapshot)
            for listener in self.listeners:
                await listener(snapshot)
        except Exception as error:  # noqa: BLE001 - whatever it was, the next poll may work
            if self.failed_since is None:
                self.failed_since = time.monotonic()
                # A controller that starts a mesh may have no time to tell how far it is.
                late = isinstance(error, TimeoutError)
                level = logging.DEBUG if late and not self.waits_for_word else logging.WARNING
                why = f"Serve gave no report within {_REPORT_S:g} s" if late else f"no report: {kind_and_text(error)}"
                _log.log(level, "discovery: %s; calls go on to the replicas that were known last", why)
            return
        self.failed_since = None

    def update(self, snapshot: Snapshot) -> bool:
        """Write the endpoints that changed; True when there were any."""
        changed = False
        for cluster, before in list(self._endpoints.items()):
            app = snapshot.get(cluster)
            ids = () if app is None else app.ids
            # Without a running replica the last one may still be draining, and refuses what it cannot serve.
            now = before if app is not None and not ids else ids
            if now != before:
                self._write(cluster, now)
                changed = True
            if ids != self._listed.get(cluster, ()):
                _replace(list_path(self._replicas, cluster), "\n".join(ids))
                self._listed[cluster] = ids
        return changed

    def _write(self, cluster: str, ids: Ids) -> None:
        path = Path(endpoints_path(str(self._folder), cluster))
        sockets = [str(socket_path(self._replicas, replica)) for replica in ids]
        # Envoy looks at the file when something is renamed into the folder.
        _replace(path, to_yaml(endpoints_document(cluster, sockets)))
        self._endpoints[cluster] = ids


def _replace(path: Path, text: str) -> None:
    """Write a file so that nobody sees it half-written."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
