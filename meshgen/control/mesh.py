"""A run from start to end: everything is started, watched, and taken down in order however it ends."""

from __future__ import annotations

import asyncio
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from meshgen.control import deploy, environment, http, memory, ports, spans, take_off
from meshgen.control.agent import deaths
from meshgen.control.agent.discovery import Discovery
from meshgen.control.agent.parts import exposed_services
from meshgen.control.cluster import Application, Cluster
from meshgen.control.collector import watch_collector
from meshgen.control.follow import follow
from meshgen.control.front import Front
from meshgen.control.layout import Layout, keep_logs, make_folder, otlp_from_environment, write_tree
from meshgen.control.memory import Memory
from meshgen.control.model import (
    Addresses,
    ClusterError,
    ErrorsEvent,
    Event,
    MeshError,
    MeshOptions,
    NoteEvent,
    PhaseEvent,
    Revision,
    authority,
)
from meshgen.control.reaper import Reaper
from meshgen.control.revision import sources
from meshgen.control.revision.reload import Rebuild, Reload
from meshgen.control.revision.rollout import roll_out
from meshgen.control.signals import stop_on_signal
from meshgen.emit.envoy import HEALTH_PATH, Otlp
from meshgen.rayserve.fork.ends import folder_in
from meshgen.runtime.mesh.bulk.folder import FOLDER

_LOOK_S = 0.5
"""Between two looks whether all parts live."""
_SILENCE_LIMIT_S = 120.0


async def run_mesh(
    revision: Revision,
    options: MeshOptions,
    *,
    progress: Callable[[Event], None],
    ready: Callable[[Addresses], None],
    loaded_at: float,
    rebuild: Rebuild | None = None,
    stop: asyncio.Event | None = None,
) -> None:
    """Run the graphs until `stop` is set, a signal comes, or a part breaks; then leave nothing behind.

    Call it once in a process, on the main thread, before anything imports Ray without `environment.of_ray`.

    Args:
        revision: the built graphs.
        options: where to listen, which Ray.
        progress: told each event, on the event loop.
        ready: told the addresses once every node serves.
        loaded_at: before the first graph was loaded, in seconds since 1970.
        rebuild: builds the graphs again whenever a source is edited; None: what was started is served to the end.
        stop: ends the run; SIGINT, SIGTERM and SIGHUP set it, too. A second signal ends the process at once.

    Raises:
        MeshError: a busy port, a part that did not start or that died; StartError for a node.
    """
    port = ports.public_port(options.host, options.port)
    stop = stop or asyncio.Event()
    run_id = uuid.uuid4().hex
    folder = make_folder()
    shared = memory.make(run_id)
    at = None if shared is None else shared.path
    reaper = Reaper(run_id, folder, _last_command(revision, options), memory=at)
    try:
        with stop_on_signal(stop) as take_signals:
            layout = Layout.pick(folder, port)
            for note in sources.keep(revision.roots, layout.sources, loaded_at=loaded_at):
                progress(NoteEvent(text=f"note: {note}"))
            env = _prepared(revision, options, layout, run_id, shared)
            run = _Run(revision, options, layout, env, progress, take_signals)
            await run.until_stopped(stop, ready, rebuild)
    except ClusterError as error:
        if kept := keep_logs(folder):
            raise ClusterError(f"{error}\nRay's logs are in {kept}") from error
        raise
    finally:
        clean = await asyncio.to_thread(reaper.finish)
        progress(PhaseEvent(phase="stopped", message="" if clean else f"some files or processes remain: {folder}"))


def _last_command(revision: Revision, options: MeshOptions) -> tuple[str, ...]:
    if options.address is None:
        return ()
    return (sys.executable, "-P", take_off.__file__, options.address, *revision.applications)


def _prepared(
    revision: Revision, options: MeshOptions, layout: Layout, run_id: str, shared: Memory | None
) -> Mapping[str, str]:
    """Write what is generated, and set the environment; the part of it that replicas need."""
    write_tree(layout.tree, revision.targets)
    layout.errors.touch()
    layout.replicas.mkdir()
    env = environment.for_replicas(
        layout, revision.roots, options.max_message_mb, None if shared is None else shared.path
    )
    if options.trace is not None:
        env |= spans.environment(options.trace, layout.spans_port)
    joined = options.address is not None
    more = environment.for_every_process(run_id) if joined else environment.for_own_cluster(run_id, layout.folder)
    environment.apply({**env, **more})
    return env


class _Run:
    """The parts of one run."""

    def __init__(
        self,
        revision: Revision,
        options: MeshOptions,
        layout: Layout,
        env: Mapping[str, str],
        progress: Callable[[Event], None],
        take_signals: Callable[[], None],
    ) -> None:
        self._take_signals = take_signals
        self._revision = revision
        self._options = options
        self._env = env
        self._tell = progress
        self._workloads = deploy.deployed(revision.targets)
        self._layout = layout
        self._cluster = Cluster()
        self._discovery = Discovery(
            self._cluster.details,
            self._cluster.changed,
            layout.endpoints,
            layout.replicas,
            revision.applications,
        )
        self._front = Front(revision, options, layout, self._discovery)
        self._begin = time.monotonic()
        self._stopping = False

    async def until_stopped(
        self, stop: asyncio.Event, ready: Callable[[Addresses], None], rebuild: Rebuild | None
    ) -> None:
        """Start, wait, stop. A stop during the start ends the start."""
        self._tell(PhaseEvent(phase="starting"))
        life = asyncio.create_task(self._live(ready, rebuild))
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({life, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not life.done():
                # At once, for what has begun may take its time to end.
                self._tell_stopping()
        finally:
            stopped.cancel()
            if not life.done():
                life.cancel()
            await asyncio.gather(life, stopped, return_exceptions=True)
        if not life.cancelled() and (error := life.exception()) is not None:
            raise error

    async def _live(self, ready: Callable[[Addresses], None], rebuild: Rebuild | None) -> None:
        """Everything up, in order; ends with an error when a part breaks; takes everything down when it ends."""
        async with AsyncExitStack() as parts:
            parts.push_async_callback(self._front.stop_envoy)
            await self._front.start_envoy()
            await parts.enter_async_context(self._ray())
            parts.enter_context(spans.written(self._options.trace, self._layout.spans_port))
            parts.push_async_callback(self._front.stop_servers)
            await self._front.start_servers()
            await self._serve(ready, rebuild)

    async def _serve(self, ready: Callable[[Addresses], None], rebuild: Rebuild | None) -> None:
        """Deploy, tell when all is up, and go on until a part breaks."""
        broken = asyncio.create_task(self._broken())
        start = asyncio.create_task(self._start())
        others = [asyncio.create_task(self._discovery.run()), *self._onlookers()]
        try:
            await _first_ended({start, broken})
            self._discovery.waits_for_word = True
            self._tell(PhaseEvent(phase="ready"))
            ready(self._addresses())
            if rebuild is not None:
                others.append(asyncio.create_task(self._reload(rebuild, start.result()).run()))
                await _first_ended({broken, others[-1]})
            await broken
        finally:
            self._tell_stopping()
            tasks = (broken, start, *others)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            # First of all, so that clients see a closed door and not a house without anybody in it.
            await self._front.stop_envoy()

    def _onlookers(self) -> list[asyncio.Task[None]]:
        """What only tells of what happens."""
        errors = follow(self._layout.errors, lambda text: self._tell(ErrorsEvent(text=text)))
        ends = deaths.watch(folder_in(self._layout.folder), self._cluster.logs().parent, self._tell_of_end)
        collectors = [watch_collector(otlp, self._note) for otlp in _collectors(self._options)]
        sweeping = [memory.keep_swept(Path(path))] if (path := self._env.get(FOLDER)) else []
        return [asyncio.create_task(each) for each in (errors, ends, *collectors, *sweeping)]

    def _tell_of_end(self, text: str) -> None:
        self._tell(ErrorsEvent(text=text))

    def _reload(self, rebuild: Rebuild, applications: Sequence[Application]) -> Reload:
        return Reload(
            rebuild, self._revision, applications, self._layout, self._cluster, self._discovery, self._front, self._tell
        )

    def _note(self, text: str) -> None:
        self._tell(NoteEvent(text=f"note: {text}"))

    def _tell_stopping(self) -> None:
        if not self._stopping:
            self._stopping = True
            self._tell(PhaseEvent(phase="stopping"))

    @asynccontextmanager
    async def _ray(self) -> AsyncIterator[None]:
        try:
            up = asyncio.create_task(self._connect())
            lost = asyncio.create_task(self._lost())
            try:
                await _first_ended({up, lost})
            finally:
                up.cancel()
                lost.cancel()
                await asyncio.gather(up, lost, return_exceptions=True)
            yield
        finally:
            await self._cluster.stop()

    async def _connect(self) -> None:
        address, workloads = self._options.address, self._workloads
        if address is None:
            self._tell(PhaseEvent(phase="starting", message="starting Ray"))
            room = deploy.cpus(workloads, surge=True) + (deploy.ROOM_FOR_EDITS if self._options.reload else 0)
            await self._cluster.start(cpus=room, folder=self._layout.ray)
            self._take_signals()
            self._tell(PhaseEvent(phase="starting", message="starting Serve"))
            await self._cluster.start_serve()
        else:
            self._tell(PhaseEvent(phase="starting", message=f"joining Ray at {address}"))
            names = self._revision.applications
            await self._cluster.join(address, names, cpus=deploy.cpus(workloads), env=self._env)
        self._take_signals()

    async def _lost(self) -> None:
        """Return never; raise when a part of Ray has died, or a start takes too long that does not count nodes yet."""
        deadline = time.monotonic() + self._options.start_timeout_s
        while (dead := self._cluster.broken()) is None:
            if time.monotonic() > deadline:
                raise ClusterError(f"Ray and Serve did not start within {self._options.start_timeout_s:g} s")
            await asyncio.sleep(_LOOK_S)
        raise ClusterError(dead)

    async def _start(self) -> Sequence[Application]:
        self._tell(PhaseEvent(phase="deploying", message=f"deploying {len(self._workloads)} services"))
        roots, tree = self._revision.roots, self._layout.tree
        apps = await self._cluster.run(deploy.applications, tree, roots, self._workloads)
        progress = deploy.Progress(self._workloads, self._tell)
        limit = self._begin + self._options.start_timeout_s
        await roll_out(apps, progress, self._cluster, self._discovery, until=limit, healthy=self._healthy)
        applications: Sequence[Application] = apps
        return applications

    async def _healthy(self) -> bool:
        return await http.status(self._options.connect_host, self._layout.port, HEALTH_PATH) == 200

    async def _broken(self) -> None:
        """Return never; raise when a part has died."""
        end = asyncio.create_task(self._front.ended())
        try:
            while True:
                await asyncio.wait({end}, timeout=_LOOK_S)
                if end.done():
                    raise MeshError(end.result())
                if dead := self._cluster.broken():
                    raise ClusterError(dead)
                since = self._discovery.failed_since
                if since is not None and time.monotonic() - since > _SILENCE_LIMIT_S:
                    raise MeshError(f"Serve has not answered for {_SILENCE_LIMIT_S:g} s")
        finally:
            end.cancel()

    def _addresses(self) -> Addresses:
        layout = self._layout
        base = authority(self._options.connect_host, layout.port)
        return Addresses(
            host=self._options.connect_host,
            port=layout.port,
            rest=tuple(f"http://{base}{r.path}" for m in self._revision.meshes for r in m.routes),
            services=tuple(s.service for s in exposed_services(self._revision.targets, self._options)),
            run_dir=layout.folder,
            logs=self._cluster.logs(),
        )


def _collectors(options: MeshOptions) -> tuple[Otlp, ...]:
    """The collector of somebody else; what writes a file (`--trace`) is our own."""
    otlp = None if options.trace is not None else otlp_from_environment()
    return () if otlp is None else (otlp,)


async def _first_ended(tasks: set[asyncio.Future[Any]]) -> None:
    """Wait for one of them, and raise what it raised."""
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()
