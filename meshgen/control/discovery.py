"""Keeps Envoy's endpoints equal to Serve's running replicas, and tells others what it sees."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from meshgen.control.snapshot import AppStatus, parse
from meshgen.emit.document import to_yaml
from meshgen.emit.envoy import endpoints_document, endpoints_path

Snapshot: TypeAlias = Mapping[str, AppStatus]
Report: TypeAlias = Callable[[], Awaitable[Mapping[str, Any]]]
Endpoints: TypeAlias = tuple[tuple[str, int], ...]

LOOPBACK = "127.0.0.1"
_EAGER_S = 0.1
_CALM_S = 0.25
_CALM_AFTER_S = 30.0
_log = logging.getLogger(__name__)


class Discovery:
    """Polls Serve; writes one endpoint file per cluster; calls the listeners with each snapshot."""

    def __init__(self, details: Report, folder: Path, clusters: Sequence[str]) -> None:
        """Args: Serve's report, the folder that Envoy watches, and the clusters (which are Serve applications)."""
        self._details = details
        self._folder = folder
        self._endpoints: dict[str, Endpoints] = {}
        self.listeners: list[Callable[[Snapshot], Awaitable[None]]] = []
        self.failed_since: float | None = None
        """Start of the present row of failed polls (monotonic seconds); None when the last one was good."""
        for cluster in clusters:
            Path(endpoints_path(str(folder), cluster)).parent.mkdir(parents=True, exist_ok=True)
            self._write(cluster, ())

    @property
    def endpoints(self) -> Mapping[str, Endpoints]:
        """What was written last, by cluster."""
        return self._endpoints

    async def run(self) -> None:
        """Poll for ever. A poll that fails changes nothing: Envoy goes on with what it has."""
        changed = time.monotonic()
        while True:
            if await self._poll():
                changed = time.monotonic()
            await asyncio.sleep(_EAGER_S if time.monotonic() - changed < _CALM_AFTER_S else _CALM_S)

    async def _poll(self) -> bool:
        try:
            snapshot = parse(await asyncio.wait_for(self._details(), timeout=10.0), host=LOOPBACK)
            changed = self.update(snapshot)
            for listener in self.listeners:
                await listener(snapshot)
        except Exception as error:  # noqa: BLE001 - whatever it was, the next poll may work
            if self.failed_since is None:
                self.failed_since = time.monotonic()
                _log.warning("discovery: %s: %s", type(error).__name__, error)
            return True
        self.failed_since = None
        return changed

    def update(self, snapshot: Snapshot) -> bool:
        """Write the endpoints that changed; True when there were any."""
        changed = False
        for cluster, before in list(self._endpoints.items()):
            app = snapshot.get(cluster)
            # Without a running replica the last one may still be draining, and refuses what it cannot serve.
            now = () if app is None else app.endpoints or before
            if now != before:
                self._write(cluster, now)
                changed = True
        return changed

    def _write(self, cluster: str, endpoints: Endpoints) -> None:
        path = Path(endpoints_path(str(self._folder), cluster))
        # Envoy looks at the file when something is renamed into the folder, so it never sees a half-written one.
        fresh = path.with_name(".endpoints.new")
        fresh.write_text(to_yaml(endpoints_document(cluster, endpoints)), encoding="utf-8")
        fresh.replace(path)
        self._endpoints[cluster] = endpoints
