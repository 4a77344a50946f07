"""The parts of a host as contexts: each is started, lives as long as the block, and is stopped however that ends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from meshgen.control.agent.discovery import Discovery, Snapshot
from meshgen.control.agent.envoy import Envoy
from meshgen.control.agent.pages import Pages
from meshgen.control.agent.reflection import ReflectionServer
from meshgen.control.layout import all_descriptors, published
from meshgen.control.model import MeshOptions, Target
from meshgen.plan.model import Service


def exposed_services(targets: Sequence[Target], options: MeshOptions) -> list[Service]:
    """The services that the front publishes."""
    meshes = [t.plan.mesh for t in targets]
    return [s for m in meshes for s in (m.services if options.nodes_exposed else (m.driver,))]


@asynccontextmanager
async def envoy_running(config: Path, *, admin_port: int, folder: Path) -> AsyncIterator[Envoy]:
    """Envoy with a configuration; `folder` is for its log."""
    envoy = Envoy(config, admin_port=admin_port, folder=folder)
    try:
        await envoy.start()
        yield envoy
    finally:
        await envoy.stop()


@asynccontextmanager
async def reflection_running(
    targets: Sequence[Target], options: MeshOptions, discovery: Discovery, *, port: int
) -> AsyncIterator[None]:
    """The server for reflection and health, which hears from discovery who is there."""
    applications = {s.service: s.application for t in targets for s in t.plan.mesh.services}
    # What is not published stays unknown to those outside, by reflection and by health, too.
    exposed = {s.service for s in exposed_services(targets, options)}
    server = ReflectionServer(published(all_descriptors(targets), exposed), sorted(exposed), port=port)

    async def report(snapshot: Snapshot) -> None:
        live = {name for name, app in snapshot.items() if app.endpoints}
        await server.report({service: name in live for service, name in applications.items()})

    discovery.listeners.append(report)
    await server.start()
    try:
        yield
    finally:
        await server.stop()


@asynccontextmanager
async def pages_running(targets: Sequence[Target], *, port: int) -> AsyncIterator[None]:
    """The server for `/docs` and `/openapi.json`."""
    pages = Pages([t.plan for t in targets], port=port)
    await pages.start()
    try:
        yield
    finally:
        await pages.stop()
