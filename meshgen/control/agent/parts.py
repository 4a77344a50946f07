"""The servers behind Envoy as contexts: started, alive as long as the block, and stopped however that ends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from meshgen.control.agent.discovery import Discovery, Snapshot
from meshgen.control.agent.pages import Pages
from meshgen.control.agent.reflection import ReflectionServer
from meshgen.control.layout import all_descriptors, published
from meshgen.control.model import MeshOptions, Target
from meshgen.plan.model import Service


def exposed_services(targets: Sequence[Target], options: MeshOptions) -> list[Service]:
    """The services that the front publishes."""
    meshes = [t.mesh for t in targets]
    return [s for m in meshes for s in (m.services if options.nodes_exposed else (m.driver,))]


@asynccontextmanager
async def reflection_running(
    targets: Sequence[Target], options: MeshOptions, discovery: Discovery, *, port: int
) -> AsyncIterator[None]:
    """The server for reflection and health, which hears from discovery who is there."""
    applications = {s.service: s.application for t in targets for s in t.mesh.services}
    # What is not published stays unknown to those outside, by reflection and by health, too.
    exposed = {s.service for s in exposed_services(targets, options)}
    server = ReflectionServer(published(all_descriptors(targets), exposed), sorted(exposed), port=port)

    async def report(snapshot: Snapshot) -> None:
        live = {name for name, app in snapshot.items() if app.ids}
        await server.report({service: name in live for service, name in applications.items()})

    discovery.listeners.append(report)
    await server.start()
    try:
        yield
    finally:
        discovery.listeners.remove(report)
        await server.stop()


@asynccontextmanager
async def pages_running(document: Mapping[str, Any], *, port: int) -> AsyncIterator[None]:
    """The server for `/docs` and `/openapi.json`."""
    pages = Pages(document, port=port)
    await pages.start()
    try:
        yield
    finally:
        await pages.stop()
