"""What stands before the replicas of a host: Envoy, and the servers for reflection, health and pages behind it."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from meshgen.control.agent.discovery import Discovery
from meshgen.control.agent.envoy import Envoy
from meshgen.control.agent.parts import pages_running, reflection_running
from meshgen.control.layout import Layout
from meshgen.control.model import MeshOptions, Revision


class Front:
    """The front of a run. It can be made anew for other graphs, while the replicas live on."""

    def __init__(self, revision: Revision, options: MeshOptions, layout: Layout, discovery: Discovery) -> None:
        """Start nothing yet."""
        self._revision = revision
        self._options = options
        self._layout = layout
        self._discovery = discovery
        self._envoy: Envoy | None = None
        self._shown: tuple[object, ...] = ()
        self._servers = AsyncExitStack()
        self._whole = asyncio.Event()
        """Set unless it is being made anew."""
        self._whole.set()

    async def start_envoy(self) -> None:
        """Start Envoy, and wait until it is ready."""
        self._shown = self._written()
        self._envoy = Envoy(self._layout.config, admin_port=self._layout.admin_port, folder=self._layout.folder)
        await self._envoy.start()

    async def start_servers(self) -> None:
        """Start what is behind Envoy: after Ray, whose start forks, of which gRPC with threads of its own complains."""
        layout, revision = self._layout, self._revision
        await self._servers.enter_async_context(
            reflection_running(revision.targets, self._options, self._discovery, port=layout.reflection_port)
        )
        await self._servers.enter_async_context(pages_running(revision.openapi, port=layout.pages_port))

    async def renew(self, revision: Revision) -> bool:
        """Stand before other graphs, if that makes a difference: False when it does not. The port is shut meanwhile."""
        self._revision = revision
        if self._written() == self._shown:
            return False
        self._whole.clear()
        await self.stop_envoy()
        await self.stop_servers()
        await self.start_envoy()
        await self.start_servers()
        self._whole.set()
        return True

    async def ended(self) -> str:
        """Wait for the end of Envoy, unless it was asked to end, and say how that was."""
        while True:
            envoy = self._envoy
            assert envoy is not None
            how = await envoy.wait()
            await self._whole.wait()
            if envoy is self._envoy:
                return how

    async def stop_envoy(self) -> None:
        """Shut the door."""
        if self._envoy is not None:
            await self._envoy.stop()

    async def stop_servers(self) -> None:
        """End what is behind it."""
        await self._servers.aclose()
        self._servers = AsyncExitStack()

    def _written(self) -> tuple[object, ...]:
        """Write what Envoy reads when it starts; all that is seen from outside follows from what this returns."""
        self._layout.write_config(self._revision.targets, self._options)
        return (self._layout.config.read_bytes(), self._layout.descriptors.read_bytes(), self._revision.openapi)
